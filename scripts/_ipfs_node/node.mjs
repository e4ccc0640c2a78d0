// An IPFS node for tests: loopback only, no bootstrap peers. It lives as long as its standard input.
// Arguments: its repository, and the multiaddr of its RPC API; without that it listens on a free port.
import { create } from 'ipfs-core'
import { HttpApi } from 'ipfs-http-server'

const loopback = '/ip4/127.0.0.1/tcp/0'
const config = {
  Addresses: { Swarm: [loopback], API: process.argv[3] ?? loopback, Gateway: loopback, Delegates: [] },
  Bootstrap: [], Discovery: { MDNS: { Enabled: false }, webRTCStar: { Enabled: false } }, Routing: { Type: 'none' }
}
const ipfs = await create({ repo: process.argv[2], silent: true, config })
const api = new HttpApi(ipfs)
await api.start()
const { id, addresses } = await ipfs.id()
console.log(JSON.stringify({ api: String(api.apiAddr), id: String(id), swarm: addresses.map(String) }))
process.stdin.resume().on('end', () => process.exit(0))
