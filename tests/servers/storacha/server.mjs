// A Storacha service on loopback, until its standard input ends.
//
// The logic is that of @storacha/upload-api with its in-memory stores and its own storage
// nodes: UCANs are validated, receipts signed, blobs allocated, put and accepted as that
// code does it. Around it, of our own: the HTTP listener, a gateway that serves blobs raw,
// and below /test/ what a scene needs. It is not the hosted service.
//
// Its first line: {"url", "gateway", "storage": [...], "did"}.
//   POST /test/grant     {agent?, space?, can?, expires?, provision?} makes a space, an agent and a
//                        delegation: {space, agent, key, proof}
//   POST /test/disable   {can: [...]} switches abilities off, as the hosted service did
//   POST /test/gateway   {mode} "honest", "flip", "cut", "missing" (nothing is found), "forgetful" (nothing but
//                        what CIDs hold themselves), "gone" or "broken"
//   GET  /test/blobs     how many blobs all spaces hold
import http from 'node:http'
import { createContext } from '@storacha/upload-api/test/context'
import { Message, Receipt, delegate } from '@ucanto/core'
import { ed25519 } from '@ucanto/principal'
import * as CAR from '@ucanto/transport/car'
import { CID } from 'multiformats/cid'
import { base58btc } from 'multiformats/bases/base58'

// The storage nodes listen on every interface; here they get loopback. They also destroy
// each connection as they answer, which may cost the answer; here it ends by itself.
const loopback = {
  ...http,
  createServer: (handler) => {
    const server = http.createServer((request, response) => {
      response.shouldKeepAlive = false
      response.destroy = () => response
      return handler(request, response)
    })
    const listen = server.listen.bind(server)
    server.listen = (done) => listen(0, '127.0.0.1', done)
    return server
  },
}
const context = await createContext({
  requirePaymentPlan: false,
  http: loopback,
  assert: { fail: (error) => console.error('service error', error) },
})
const storage = context.storageProviders.map((node) => node.connection.channel.url.href)
const disabled = new Set()
const grants = new Map()
let mode = 'honest'

const read = async (request) => {
  const chunks = []
  for await (const chunk of request) chunks.push(chunk)
  return new Uint8Array(Buffer.concat(chunks))
}
const answer = (response, status, body = '', type = 'application/json') => {
  response.writeHead(status, { 'content-type': type, 'content-length': Buffer.byteLength(body) })
  response.end(response.req.method === 'HEAD' ? undefined : body)
}

// What the hosted service answers to an ability that it switched off: status 200, and the
// error in the receipt.
const refuse = async (message) => {
  const receipts = await Promise.all(message.invocations.map((ran) => Receipt.issue({
    issuer: context.id,
    ran,
    result: { error: { name: 'ServiceUnavailable', message: `${ran.capabilities[0].can} capability is currently disabled` } },
  })))
  return CAR.response.encode(await Message.build({ receipts }))
}

const invoke = async (request) => {
  const body = await read(request)
  const message = await CAR.request.decode({ headers: request.headers, body })
  if (message.invocations.some((one) => disabled.has(one.capabilities[0].can))) return refuse(message)
  return context.connection.channel.request({ headers: request.headers, body })
}

const receipt = async (cid) => {
  const found = await context.agentStore.receipts.get(CID.parse(cid))
  return found.error ? undefined : CAR.request.encode(await Message.build({ receipts: [found.ok] }))
}

const signer = (seed) => ed25519.Signer.derive(new Uint8Array(32).fill(seed))

const grant = async ({ agent, space, can = ['space/*', 'upload/*'], expires = 4102444800, provision = true }) => {
  const own = (space && grants.get(space)) || await ed25519.generate()
  const holder = agent === undefined ? await ed25519.generate() : await signer(agent)
  grants.set(own.did(), own)
  const made = await delegate({
    issuer: own,
    audience: holder,
    capabilities: can.map((can) => ({ can, with: own.did() })),
    expiration: expires,
  })
  if (provision && !(await context.provisionsStorage.hasStorageProvider(own.did())).ok) {
    const cause = await delegate({ issuer: own, audience: context.id, capabilities: [{ can: 'provider/add', with: own.did() }] })
    const customer = `did:mailto:example.com:${own.did().slice(-8).toLowerCase()}`
    const put = await context.provisionsStorage.put({ cause, provider: context.id.did(), customer, consumer: own.did() })
    if (put.error) throw put.error
  }
  const archive = await made.archive()
  return {
    space: own.did(),
    agent: holder.did(),
    key: ed25519.format(holder),
    proof: Buffer.from(archive.ok).toString('base64'),
  }
}

// A blob that some space still holds, from the node that has it.
const blob = async (cid) => {
  if (cid.multihash.code === 0) return cid.multihash.digest
  const name = base58btc.encode(cid.multihash.bytes)
  const held = [...context.registry.data.values()].flat().some((entry) => base58btc.encode(entry.blob.digest.bytes) === name)
  if (!held) return undefined
  for (const node of storage) {
    const found = await fetch(new URL(`${name}/${name}.blob`, node))
    if (found.ok) return new Uint8Array(await found.arrayBuffer())
  }
}

const serve = (handle) => http.createServer(async (request, response) => {
  try {
    await handle(request, response, new URL(request.url, 'http://loopback'))
  } catch (error) {
    console.error(error)
    answer(response, 500, String(error), 'text/plain')
  }
})

const ipfs = async (request, response, url) => {
  if (!['GET', 'HEAD'].includes(request.method) || !url.pathname.startsWith('/ipfs/')) return answer(response, 404)
  if (mode === 'gone') return answer(response, 410, 'this gateway has been shut down', 'text/plain')
  if (mode === 'broken') return answer(response, 502, 'bad gateway', 'text/plain')
  const cid = CID.parse(url.pathname.slice('/ipfs/'.length))
  const forgets = mode === 'missing' || (mode === 'forgetful' && cid.multihash.code !== 0)
  const found = forgets ? undefined : await blob(cid)
  if (found === undefined) return answer(response, 404, 'not found', 'text/plain')
  let body = Buffer.from(found)
  if (mode === 'flip') body[body.length >> 1] ^= 1
  if (mode === 'cut') body = body.subarray(0, body.length - 1)
  answer(response, 200, body, 'application/vnd.ipld.raw')
}

const service = serve(async (request, response, url) => {
  const json = async () => JSON.parse(Buffer.from(await read(request)).toString() || '{}')
  switch (`${request.method} ${url.pathname}`) {
    case 'GET /version':
      return answer(response, 200, JSON.stringify({ name: '@storacha/upload-api', version: '2.8.4', did: context.id.did(), publicKey: context.id.toDIDKey() }))
    case 'POST /': {
      const { status = 200, headers, body } = await invoke(request)
      response.writeHead(status, headers)
      return response.end(body)
    }
    case 'POST /test/grant':
      return answer(response, 200, JSON.stringify(await grant(await json())))
    case 'POST /test/disable': {
      disabled.clear()
      for (const can of (await json()).can ?? []) disabled.add(can)
      return answer(response, 200, '{}')
    }
    case 'POST /test/gateway':
      mode = (await json()).mode
      return answer(response, 200, '{}')
    case 'GET /test/blobs':
      return answer(response, 200, JSON.stringify({ blobs: [...context.registry.data.values()].flat().length }))
  }
  if (request.method === 'GET' && url.pathname.startsWith('/receipt/')) {
    const found = await receipt(url.pathname.slice('/receipt/'.length))
    return found ? answer(response, 200, Buffer.from(found.body), 'application/vnd.ipld.car') : answer(response, 404)
  }
  if (url.pathname.startsWith('/ipfs/')) return ipfs(request, response, url)
  answer(response, 404)
})

const listen = (server) => new Promise((done) => server.listen(0, '127.0.0.1', () => done(`http://127.0.0.1:${server.address().port}`)))
// The gateway has an address of its own, and is at the service's too.
const [url, at] = [await listen(service), await listen(serve(ipfs))]
console.log(JSON.stringify({ url, gateway: at, storage, did: context.id.did() }))
process.stdin.on('end', () => process.exit(0)).on('error', () => process.exit(0)).resume()
