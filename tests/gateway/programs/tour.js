// Pinecone's SDK for TypeScript, as its users use it: `tour.js pinecone-8|pinecone-9`. The gateway is told of by HOST and KEY alone.
// What is wrong fails an assertion; at the end, `done` is printed. Nothing here is of Conifer's.
import assert from 'node:assert/strict';

const sdk = await import(process.argv[2]);
const { Pinecone } = sdk.default ?? sdk;
const { HOST, KEY, READER, NAME } = process.env;

const pc = new Pinecone({ apiKey: KEY, controllerHostUrl: HOST });
const spec = { serverless: { cloud: 'aws', region: 'eu-west-1' } };

// lifecycle
const made = await pc.createIndex({ name: NAME, dimension: 4, metric: 'cosine', spec, tags: { team: 'search' }, waitUntilReady: true });
assert.ok(made.status.ready);
const seen = await pc.describeIndex(NAME);
assert.equal(seen.name, NAME);
assert.deepEqual(seen.tags, { team: 'search' });
assert.ok((await pc.listIndexes()).indexes.some((index) => index.name === NAME));
await assert.rejects(pc.createIndex({ name: NAME, dimension: 4, metric: 'cosine', spec }), (error) => /exists/.test(error.message));
await pc.configureIndex({ name: NAME, deletionProtection: 'enabled' });
await assert.rejects(pc.deleteIndex(NAME), (error) => /protect/.test(error.message));
await pc.configureIndex({ name: NAME, deletionProtection: 'disabled', tags: { env: 'test' } });
assert.deepEqual((await pc.describeIndex(NAME)).tags, { team: 'search', env: 'test' });

// records
const index = pc.index({ host: seen.host });
const films = pc.index({ host: seen.host, namespace: 'films' });
const records = Array.from({ length: 20 }, (_, n) => ({
  id: `doc-${n}`, values: [1, n, 0.5, 0], metadata: { n, even: n % 2 === 0, name: `nr. ${n}`, tags: ['a', `${n}`] },
}));
await films.upsert({ records });
await index.upsert({ records: [{ id: 'x', values: [1, 2, 3, 4] }] });
const found = await films.query({ vector: [1, 3, 0.5, 0], topK: 3, includeMetadata: true, includeValues: true });
assert.equal(found.matches[0].id, 'doc-3');
assert.deepEqual(found.matches[0].metadata, records[3].metadata);
assert.deepEqual(found.matches[0].values, records[3].values);
assert.equal((await films.query({ id: 'doc-3', topK: 1 })).matches[0].id, 'doc-3');
const few = await films.query({ vector: [1, 3, 0.5, 0], topK: 20, filter: { $or: [{ n: { $gte: 18 } }, { tags: '5' }] } });
assert.deepEqual(few.matches.map((match) => match.id).sort(), ['doc-18', 'doc-19', 'doc-5']);
assert.deepEqual(Object.keys((await films.fetch({ ids: ['doc-1', 'gone'] })).records), ['doc-1']);
const page = await films.fetchByMetadata({ filter: { even: true }, limit: 3 });
assert.equal(Object.keys(page.records).length, 3);
const first = await films.listPaginated({ prefix: 'doc-1', limit: 4 });
assert.equal(first.vectors.length, 4);
const rest = await films.listPaginated({ prefix: 'doc-1', limit: 20, paginationToken: first.pagination.next });
assert.equal(rest.vectors.length, 7);
await films.update({ id: 'doc-1', metadata: { seen: true } });
assert.equal((await films.fetch({ ids: ['doc-1'] })).records['doc-1'].metadata.seen, true);
await films.deleteOne({ id: 'doc-0' });
await films.deleteMany({ filter: { n: { $gte: 15 } } });
const stats = await index.describeIndexStats();
assert.equal(stats.namespaces.films.recordCount, 14);
assert.equal(stats.dimension, 4);

// namespaces
assert.deepEqual((await index.listNamespaces()).namespaces.map((space) => space.name), ['__default__', 'films']);
assert.equal(Number((await index.describeNamespace('films')).recordCount), 14);
await films.deleteAll();
await assert.rejects(index.describeNamespace('films'), (error) => error.name === 'PineconeNotFoundError');

// what is refused
await assert.rejects(index.upsert({ records: [{ id: 'z', values: [1, 2] }] }), (error) => /dimension/.test(error.message));
await assert.rejects(new Pinecone({ apiKey: `${KEY}!`, controllerHostUrl: HOST }).listIndexes(), (error) => /401|API key|API Key/.test(`${error.name} ${error.message}`));
const reader = new Pinecone({ apiKey: READER, controllerHostUrl: HOST }).index({ host: seen.host });
assert.equal((await reader.query({ vector: [1, 2, 3, 4], topK: 1 })).matches[0].id, 'x');
await assert.rejects(reader.upsert({ records: [{ id: 'z', values: [1, 2, 3, 4] }] }), (error) => /ReadOnly|403/.test(error.message));

await pc.deleteIndex(NAME);
await assert.rejects(pc.describeIndex(NAME), (error) => error.name === 'PineconeNotFoundError');
console.log('done', process.argv[2]);
