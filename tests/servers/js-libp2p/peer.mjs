// A js-libp2p peer on loopback: TCP, noise, yamux, identify, ping. Says one JSON
// line when it listens, and ends with its standard input.
import './newer-node.mjs'

const { createLibp2p } = await import('libp2p')
const { tcp } = await import('@libp2p/tcp')
const { noise } = await import('@chainsafe/libp2p-noise')
const { yamux } = await import('@chainsafe/libp2p-yamux')
const { identify } = await import('@libp2p/identify')
const { ping } = await import('@libp2p/ping')

const node = await createLibp2p({
  addresses: { listen: ['/ip4/127.0.0.1/tcp/0'] },
  transports: [tcp()],
  connectionEncrypters: [noise()],
  streamMuxers: [yamux()],
  services: { identify: identify(), ping: ping() }
})
console.log(JSON.stringify({
  event: 'ready',
  peer_id: node.peerId.toString(),
  addresses: node.getMultiaddrs().map(String)
}))
process.stdin.resume().on('end', async () => { await node.stop(); process.exit(0) })
