// openid-client and jose against the appliance: discovery, client credentials, introspection, revocation, JWKS.
//
// test_clients.py runs it in build/clients/, with its values in the environment variable JETON. Prints one JSON line.
import * as client from 'openid-client'
import * as jose from 'jose'

const { issuer, url, clientId, clientSecret, revocable, jwt } = JSON.parse(process.env.JETON)

// Stands in for DNS and the port only: the issuer's name leads to the rig.
const toRig = (target, options) => fetch(String(target).replace(issuer, url), options)

async function discover(id, authentication) {
  return client.discovery(new URL(issuer), id, undefined, authentication,
    { algorithm: 'oauth2', [client.customFetch]: toRig })
}

async function refusal(promise) {
  try {
    await promise
    return 'none'
  } catch (error) {
    return error.error ?? error.code ?? String(error)
  }
}

const config = await discover(clientId, client.ClientSecretBasic(clientSecret))
const metadata = config.serverMetadata()
const keys = jose.createRemoteJWKSet(new URL(metadata.jwks_uri), { [jose.customFetch]: toRig })
const rules = { issuer: metadata.issuer, algorithms: ['ES256'] }

const granted = await client.clientCredentialsGrant(config)
const posted = await client.clientCredentialsGrant(await discover(clientId, client.ClientSecretPost(clientSecret)))
const access = await jose.jwtVerify(granted.access_token, keys, { ...rules, typ: 'at+jwt' })
const postedAccess = await jose.jwtVerify(posted.access_token, keys, { ...rules, typ: 'at+jwt' })
const api = await jose.jwtVerify(jwt.slice('dz_'.length), keys, rules)

const introspected = await client.tokenIntrospection(config, granted.access_token)
const introspectedJwt = await client.tokenIntrospection(config, jwt)
const unknown = await client.tokenIntrospection(config, 'nothing')

const other = await discover(revocable.clientId, client.ClientSecretBasic(revocable.clientSecret))
const short = await client.clientCredentialsGrant(other)
const before = await client.tokenIntrospection(config, short.access_token)
await client.tokenRevocation(other, short.access_token)
const cut = await client.tokenIntrospection(config, short.access_token)
const again = await client.clientCredentialsGrant(other)
const beforeLast = await client.tokenIntrospection(config, again.access_token)
await client.tokenRevocation(other, `${revocable.clientId}:${revocable.clientSecret}`)
await client.tokenRevocation(config, 'nothing')
const after = await client.tokenIntrospection(config, again.access_token)

const tampered = granted.access_token.replace(/\.[^.]/, (two) => (two === '.e' ? '.f' : '.e'))
const wrong = await discover(clientId, client.ClientSecretBasic('0'.repeat(36)))

console.log(JSON.stringify({
  metadata,
  granted: { token_type: granted.token_type, expires_in: granted.expires_in },
  access, postedAccess, api, introspected, introspectedJwt, unknown, before, cut, beforeLast, after,
  refusals: {
    revokedClient: await refusal(client.clientCredentialsGrant(other)),
    tampered: await refusal(jose.jwtVerify(tampered, keys, rules)),
    typ: await refusal(jose.jwtVerify(jwt.slice('dz_'.length), keys, { ...rules, typ: 'at+jwt' })),
    issuer: await refusal(jose.jwtVerify(granted.access_token, keys, { ...rules, issuer: 'https://other.example' })),
    secret: await refusal(client.clientCredentialsGrant(wrong)),
    grant: await refusal(client.genericGrantRequest(config, 'password', { username: 'a', password: 'b' })),
  },
}))
