// node-postgres: everything in text, by prepared statements.

import pg from "pg";
import pgvector from "pgvector/pg";
import { COLUMNS, TASK, answer, forEachQuestion, sparse, stored } from "./common.js";

const { sql } = TASK;
const db = new pg.Client();
await db.connect();
await db.query(sql.extension);
await pgvector.registerTypes(db);
await db.query(sql.table);

// Values of a row as parameters: bits are strings anyway.
function parameters(row) {
  return COLUMNS.map((column) => {
    const value = column === "sparse" ? sparse(row[column]) : row[column];
    return column === "bits" ? value : pgvector.toSql(value);
  });
}

async function fetch(text, ...values) {
  return (await db.query({ text, values, rowMode: "array" })).rows;
}

for (const row of TASK.rows) {
  await fetch(sql.insert, row.id, row.category, ...parameters(row));
}

const queries = Object.fromEntries(parameters(TASK.queries).map((query, i) => [COLUMNS[i], query]));
const near = queries.embedding;
const distances = (rows) => rows.map(([id, distance]) => [Number(id), distance]);
const nearest = () =>
  forEachQuestion(async (column, operator) => {
    return distances(await fetch(sql.nearest[`${column} ${operator}`], queries[column]));
  });

const rows = (await db.query(sql.stored)).rows.map(stored);
const exact = await nearest();
for (const statement of [...sql.indexes, ...TASK.settings]) {
  await db.query(statement);
}
const aggregates = {};
for (const [question, statement] of Object.entries(sql.aggregates)) {
  aggregates[question] = (await fetch(statement, TASK.category))[0][0];
}
answer({
  stored: rows,
  nearest: { exact, indexed: await nearest() },
  filtered: distances(await fetch(sql.filtered, near, TASK.category)),
  within: (await fetch(sql.within, near, TASK.radius)).map(([id]) => Number(id)),
  aggregates,
});
await db.end();
