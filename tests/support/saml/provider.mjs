// A SAML 2.0 identity provider (npm samlp, Auth0's) over TLS, set up by one JSON document on stdin.
// Anybody in its accounts signs in by name; `/unasked` makes a response that nobody asked for.
import fs from "node:fs";
import https from "node:https";

import express from "express";
import samlp from "samlp";

const setup = JSON.parse(fs.readFileSync(0, "utf8"));

class Profile {
  constructor(user) {
    this.user = user;
  }
  getClaims() {
    return setup.accounts[this.user];
  }
  getNameIdentifier() {
    return { nameIdentifier: this.user };
  }
}
Profile.prototype.metadata = [];
const profileMapper = (user) => new Profile(user);
profileMapper.prototype = Profile.prototype;

const options = {
  issuer: setup.issuer,
  cert: setup.signing.certificate,
  key: setup.signing.key,
  lifetimeInSeconds: setup.seconds,
  signResponse: setup.signResponse,
  signatureAlgorithm: "rsa-sha256",
  digestAlgorithm: "sha256",
  profileMapper,
};

const escaped = (text) => String(text ?? "").replace(/[^\w ./:=+-]/g, (one) => `&#${one.charCodeAt(0)};`);
const app = express();
app.use(express.urlencoded({ extended: false }));

app.get("/metadata", samlp.metadata({ ...options, redirectEndpointPath: "/sso", postEndpointPath: "/sso" }));

app.get("/sso", (request, response, next) => {
  const user = /(?:^|; )user=(\w+)/.exec(request.headers.cookie ?? "")?.[1];
  if (!user) {
    response.send(`<form method="post" action="/login">
      <input type="hidden" name="prompt" value="login">
      <input type="hidden" name="to" value="${escaped(request.originalUrl)}">
      <input name="login"><input name="password" type="password"><button type="submit">Sign in</button>
    </form>`);
    return;
  }
  samlp.parseRequest(request, (problem, asked) => {
    if (problem || !asked) return next(problem ?? new Error("no request"));
    const back = asked.assertionConsumerServiceURL;
    samlp.auth({
      ...options,
      destination: back,
      recipient: back,
      getUserFromRequest: () => user,
      getPostURL: (_audience, _request, _raw, done) => done(null, back),
    })(request, response, next);
  });
});

app.post("/login", (request, response) => {
  if (!setup.accounts[request.body.login]) return response.sendStatus(403);
  response.set("Set-Cookie", `user=${request.body.login}; Path=/; Secure; HttpOnly`);
  response.redirect(303, request.body.to);
});

app.get("/unasked", (request, response, next) => {
  const { user, audience, recipient } = request.query;
  const wanted = { ...options, audience, recipient, destination: recipient };
  samlp.getSamlResponse(wanted, user, (problem, made) =>
    problem ? next(problem) : response.send(Buffer.from(made).toString("base64")),
  );
});

const files = { cert: fs.readFileSync(setup.certificate), key: fs.readFileSync(setup.key) };
https.createServer(files, app).listen(setup.port, "127.0.0.1", () => {
  console.log("listening");
});
