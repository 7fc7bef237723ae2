// What a Node program does with Cloud Storage; prints one JSON line, which the test holds against.
import assert from 'node:assert/strict';
import {readFileSync, writeFileSync} from 'node:fs';
import {createRequire} from 'node:module';
import {pipeline} from 'node:stream/promises';
import {Readable} from 'node:stream';
import {join} from 'node:path';

// The client lives in a cache, not beside this file.
const {Storage} = createRequire(join(process.env.NODE_CLIENTS, 'x.js'))('@google-cloud/storage');
const [name, scratch] = process.argv.slice(2);
const storage = new Storage({
  apiEndpoint: process.env.REMPART_URL,
  // To an endpoint of one's own the library sends no credentials unless it is told to, and with
  // resumable uploads only where the endpoint's host is the universe's domain.
  useAuthWithCustomEndpoint: true,
  universeDomain: new URL(process.env.REMPART_URL).hostname,
});
const random = size => Buffer.from(Array.from({length: size}, (_, i) => (i * 31 + (i >> 8)) & 255));
const names = files => files.map(file => file.name).sort();

const [bucket] = await storage.createBucket(name, {
  location: process.env.REMPART_LOCATION,
  iamConfiguration: {uniformBucketLevelAccess: {enabled: true}},
});
assert.deepEqual(await bucket.exists(), [true]);
await bucket.setLabels({team: 'red'});
assert.deepEqual((await bucket.getLabels())[0], {team: 'red'});
assert.ok(names((await storage.getBuckets())[0]).includes(name));

const small = Buffer.from('a few words\n'), large = random(1_500_000);
await bucket.file('multipart').save(small, {resumable: false, contentType: 'text/x-words'});
await bucket.file('resumable').save(large, {resumable: true});
await bucket.file('chunked').save(large, {resumable: true, chunkSize: 512 * 1024});
await pipeline(Readable.from([large.subarray(0, 700_000), large.subarray(700_000)]),
  bucket.file('dir/streamed').createWriteStream({metadata: {metadata: {colour: 'red'}}}));
writeFileSync(join(scratch, 'source'), large);
await bucket.upload(join(scratch, 'source'), {destination: 'dir/uploaded', validation: 'crc32c'});
for (const [file, content] of [['multipart', small], ['resumable', large], ['chunked', large],
  ['dir/streamed', large], ['dir/uploaded', large]]) {
  assert.ok((await bucket.file(file).download())[0].equals(content), file);
}
await bucket.file('dir/streamed').download({destination: join(scratch, 'back')});
assert.ok(readFileSync(join(scratch, 'back')).equals(large));
const part = await bucket.file('multipart').download({start: 2, end: 4});
assert.equal(part[0].toString(), 'few');

const [files] = await bucket.getFiles();
assert.deepEqual(names(files), ['chunked', 'dir/streamed', 'dir/uploaded', 'multipart', 'resumable']);
const [inside] = await bucket.getFiles({prefix: 'dir/'});
assert.deepEqual(names(inside), ['dir/streamed', 'dir/uploaded']);
const [first, next] = await bucket.getFiles({maxResults: 2, autoPaginate: false});
assert.deepEqual(names(first), ['chunked', 'dir/streamed']);
assert.deepEqual(names((await bucket.getFiles(next))[0]), ['dir/uploaded', 'multipart']);
const [top, , answer] = await bucket.getFiles({delimiter: '/', autoPaginate: false});
assert.deepEqual(names(top), ['chunked', 'multipart', 'resumable']);
assert.deepEqual(answer.prefixes, ['dir/']);

await bucket.file('multipart').copy(bucket.file('copied'));
await bucket.file('copied').move('moved');
assert.deepEqual(await bucket.file('copied').exists(), [false]);
await bucket.file('moved').setMetadata({metadata: {shape: 'round'}, cacheControl: 'no-store'});
const [metadata] = await bucket.file('moved').getMetadata();
assert.equal(metadata.metadata.shape, 'round');
assert.equal(metadata.cacheControl, 'no-store');
assert.equal(metadata.contentType, 'text/x-words');
await bucket.combine(['multipart', 'moved'], 'combined');
assert.equal((await bucket.file('combined').download())[0].toString(), 'a few words\n'.repeat(2));

await assert.rejects(bucket.file('absent').download(), problem => problem.code === 404);
await assert.rejects(
  bucket.file('moved').save('x', {resumable: false, preconditionOpts: {ifGenerationMatch: 0}}),
  problem => problem.code === 412);
await assert.rejects(storage.createBucket(name, {location: process.env.REMPART_LOCATION}),
  problem => problem.code === 409);
const [policy] = await bucket.iam.getPolicy({requestedPolicyVersion: 3});
policy.bindings.push({role: 'roles/storage.objectViewer', members: ['allUsers']});
await bucket.iam.setPolicy(policy);
assert.deepEqual((await bucket.iam.testPermissions('storage.buckets.get'))[0],
  {'storage.buckets.get': true});

await bucket.file('moved').delete();
assert.deepEqual(await bucket.file('moved').exists(), [false]);
await bucket.deleteFiles();
assert.deepEqual((await bucket.getFiles())[0], []);
await bucket.delete();
assert.deepEqual(await storage.bucket(name).exists(), [false]);
console.log(JSON.stringify({done: true}));
