// oidc-provider over HTTPS, with one client and its in-memory store: oidc.mjs ADDRESS PORT KEY CERTIFICATE SECRET.
// It grants client credentials and answers introspection; says "ready" once it listens.
import { readFileSync } from 'node:fs'
import { createServer } from 'node:https'
import { createRequire } from 'node:module'

const require = createRequire(`${process.cwd()}/`)
const { default: Provider } = await import(require.resolve('oidc-provider'))
const [address, port, key, cert, secret] = process.argv.slice(2)

const provider = new Provider(`https://${address}:${port}`, {
  clients: [{
    client_id: 'bench', client_secret: secret, grant_types: ['client_credentials'], redirect_uris: [], response_types: [],
  }],
  features: {
    clientCredentials: { enabled: true }, introspection: { enabled: true }, devInteractions: { enabled: false },
  },
  ttl: { ClientCredentials: 3600 },
})
const server = createServer({
  key: readFileSync(key), cert: readFileSync(cert), minVersion: 'TLSv1.3', ecdhCurve: 'X25519',
}, provider.callback())
server.keepAliveTimeout = 600000
server.maxRequestsPerSocket = 0
server.listen(Number(port), address, () => console.log('ready'))
