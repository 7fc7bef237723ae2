// A certified OpenID provider (npm oidc-provider) over TLS, set up by one JSON document on stdin.
// Its own development pages ask for the login and the consent; any password will do.
import fs from "node:fs";
import https from "node:https";

import Provider from "oidc-provider";

const setup = JSON.parse(fs.readFileSync(0, "utf8"));

const provider = new Provider(setup.issuer, {
  clients: setup.clients,
  jwks: setup.jwks,
  cookies: { keys: ["for tests alone"] },
  claims: { openid: ["sub", ...setup.claims] },
  conformIdTokenClaims: false,
  pkce: { required: () => false },
  responseTypes: ["code", "id_token", "code id_token"],
  ttl: { IdToken: setup.seconds, Session: 3600, Grant: 3600, Interaction: 3600, AccessToken: 3600 },
  findAccount: (_context, id) =>
    setup.accounts[id] && {
      accountId: id,
      claims: () => ({ sub: id, ...setup.accounts[id] }),
    },
});

const files = { cert: fs.readFileSync(setup.certificate), key: fs.readFileSync(setup.key) };
https.createServer(files, provider.callback()).listen(setup.port, "127.0.0.1", () => {
  console.log("listening");
});
