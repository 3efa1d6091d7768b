// js-libp2p 3 wants Node 22; of that, Node 20 lacks this only.
Promise.withResolvers ??= function () {
  let resolve, reject
  const promise = new this((a, b) => { resolve = a; reject = b })
  return { promise, resolve, reject }
}
