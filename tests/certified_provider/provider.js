// oidc-provider, an implementation that the OpenID Foundation has certified, as a process that a test owns.
//
// Its one argument is JSON: {client: {...}, accounts: {NAME: {claims}}, settings: {...}, port}. It says its issuer in its first line.
// What comes on its input are further such objects, one a line: whatever they name takes the place of what was. `algorithm` signs with new
// keys for it.
import { createServer } from 'node:http';
import { generateKeyPairSync, randomUUID } from 'node:crypto';
import { createInterface } from 'node:readline';
import Provider from 'oidc-provider';

const given = JSON.parse(process.argv[2]);
let handle;

function key(algorithm) {
  const kinds = { ES: ['ec', { namedCurve: 'P-256' }], Ed: ['ed25519'] };
  const { privateKey } = generateKeyPairSync(...(kinds[algorithm.slice(0, 2)] ?? ['rsa', { modulusLength: 2048 }]));
  return { ...privateKey.export({ format: 'jwk' }), kid: randomUUID(), use: 'sig' };
}

let keys = [key('RS256')];
const server = createServer((request, response) => handle(request, response));

function serve() {
  const issuer = `http://127.0.0.1:${server.address().port}`;
  const provider = new Provider(issuer, {
    clients: [given.client],
    claims: { openid: ['sub'], email: ['email', 'email_verified'], profile: ['name', 'groups'], groups: ['groups'] },
    findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id, ...given.accounts[id] }) }),
    cookies: { keys: [randomUUID()] },
    jwks: { keys },
    enabledJWA: { idTokenSigningAlgValues: ['RS256', 'PS256', 'ES256', 'EdDSA', 'HS256'] },
    pkce: { required: () => true },
    features: { devInteractions: { enabled: true } },
    ...given.settings,
  });
  handle = provider.callback();
  return issuer;
}

server.listen(given.port ?? 0, '127.0.0.1', () => console.log(serve()));
createInterface({ input: process.stdin })
  .on('line', (line) => {
    const change = JSON.parse(line);
    Object.assign(given, change);
    // An RSA key stays among them: the provider's own default algorithm needs one.
    if (change.algorithm) keys = [key(change.algorithm), key('RS256')];
    console.log(serve());
  })
  .on('close', () => process.exit(0));
