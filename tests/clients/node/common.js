// What the clients in JavaScript share: the task, and values as JSON has them.

import { readFileSync } from "node:fs";
import { SparseVector } from "pgvector";

export const TASK = JSON.parse(readFileSync(0, "utf8"));
export const COLUMNS = Object.keys(TASK.types);

// A sparse vector from what JSON has for it.
export function sparse(value) {
  return value && new SparseVector(new Map(value.indices.map((index, i) => [index, value.values[i]])), value.dimensions);
}

// What a client has read, as JSON has it.
export function plain(value) {
  return value instanceof SparseVector
    ? { dimensions: value.dimensions, indices: value.indices, values: value.values }
    : value;
}

// A row that a client has read, as the task has it.
export function stored(row) {
  const vectors = COLUMNS.map((column) => [column, plain(row[column])]);
  return { id: Number(row.id), category: row.category, ...Object.fromEntries(vectors) };
}

// `make(question)` for each of the task's questions about distances.
export async function forEachQuestion(make) {
  const answers = {};
  for (const [column, operator] of TASK.questions) {
    answers[`${column} ${operator}`] = await make(column, operator);
  }
  return answers;
}

// Print what came out.
export function answer(answers) {
  process.stdout.write(JSON.stringify(answers));
}
