// Google's Node client of Cloud KMS over gRPC: a ring, a key, a round trip, and a refusal.
import assert from "node:assert/strict";
import { createRequire } from "node:module";

const { KeyManagementServiceClient } = createRequire(`${process.env.NODE_CLIENTS}/`)("@google-cloud/kms");
const [port, parent, ring] = process.argv.slice(2);
const client = new KeyManagementServiceClient({
  apiEndpoint: "localhost",
  port: Number(port),
  universeDomain: process.env.GOOGLE_CLOUD_UNIVERSE_DOMAIN,
});

const [made] = await client.createKeyRing({ parent, keyRingId: ring, keyRing: {} });
const [key] = await client.createCryptoKey({
  parent: made.name,
  cryptoKeyId: "key",
  cryptoKey: { purpose: "ENCRYPT_DECRYPT" },
});
const plaintext = Buffer.from([0, 255, 254, 10]);
const [sealed] = await client.encrypt({ name: key.name, plaintext });
const [opened] = await client.decrypt({ name: key.name, ciphertext: sealed.ciphertext });
assert.deepEqual(Buffer.from(opened.plaintext), plaintext);
const [keys] = await client.listCryptoKeys({ parent: made.name });
assert.deepEqual(keys.map((one) => one.name), [key.name]);

const refused = await client.getCryptoKey({ name: `${made.name}/cryptoKeys/none` }).catch((e) => e);
assert.equal(refused.code, 5);
assert.equal(refused.domain, "googleapis.com");
await client.close();
console.log(JSON.stringify({ done: true }));
