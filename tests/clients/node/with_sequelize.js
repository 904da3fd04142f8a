// Sequelize over node-postgres.

import { DataTypes, Op, Sequelize } from "sequelize";
import * as distances from "pgvector/sequelize";
import { TASK, answer, forEachQuestion, sparse, stored } from "./common.js";

const FUNCTIONS = {
  "<->": distances.l2Distance,
  "<#>": distances.maxInnerProduct,
  "<=>": distances.cosineDistance,
  "<+>": distances.l1Distance,
  "<~>": distances.hammingDistance,
  "<%>": distances.jaccardDistance,
};
const { PGHOST, PGPORT, PGUSER, PGDATABASE } = process.env;
const connect = () =>
  new Sequelize(PGDATABASE, PGUSER, "", {
    dialect: "postgres",
    host: PGHOST,
    port: PGPORT,
    logging: false,
    pool: { max: 1 },
  });

// Types are looked up when it connects, so the extension is made before, as by a migration.
const migration = connect();
await migration.query(TASK.sql.extension);
await migration.close();

const sequelize = connect();
const queries = { ...TASK.queries, sparse: sparse(TASK.queries.sparse) };

const Item = sequelize.define(
  "Item",
  {
    id: { type: DataTypes.BIGINT, primaryKey: true },
    category: DataTypes.TEXT,
    embedding: DataTypes.VECTOR(queries.embedding.length),
    coarse: DataTypes.VECTOR(queries.coarse.length),
    half: DataTypes.HALFVEC(queries.half.length),
    sparse: DataTypes.SPARSEVEC(queries.sparse.dimensions),
    bits: `BIT(${queries.bits.length})`,
  },
  { tableName: "items", timestamps: false },
);
await Item.sync();
await Item.bulkCreate(TASK.rows.map((row) => ({ ...row, sparse: sparse(row.sparse) })));

async function closest(column, operator, where) {
  const distance = FUNCTIONS[operator](column, queries[column], sequelize);
  const found = await Item.findAll({
    attributes: ["id", [distance, "distance"]],
    where,
    order: distance,
    limit: TASK.limit,
    raw: true,
  });
  return found.map((row) => [Number(row.id), row.distance]);
}

async function aggregate(name, column) {
  const vector = sequelize.fn(name, sequelize.col(column));
  const row = await Item.findOne({ attributes: [[vector, "vector"]], where: { category: TASK.category }, raw: true });
  return row.vector;
}

const rows = (await Item.findAll({ order: ["id"] })).map(stored);
const exact = await forEachQuestion(closest);
for (const [number, [column, , method, opclass]] of TASK.questions.entries()) {
  await sequelize.getQueryInterface().addIndex("items", {
    name: `items_${number}`,
    using: method,
    fields: [{ name: column, operator: opclass }],
  });
}
for (const setting of TASK.settings) {
  await sequelize.query(setting);
}
const distance = distances.l2Distance("embedding", queries.embedding, sequelize);
const within = sequelize.where(distance, { [Op.lt]: TASK.radius });
answer({
  stored: rows,
  nearest: { exact, indexed: await forEachQuestion(closest) },
  filtered: await closest("embedding", "<->", { category: TASK.category }),
  within: (await Item.findAll({ where: within, order: ["id"] })).map((row) => Number(row.id)),
  aggregates: {
    "avg embedding": await aggregate("avg", "embedding"),
    "avg half": await aggregate("avg", "half"),
    "sum embedding": await aggregate("sum", "embedding"),
    "sum half": await aggregate("sum", "half"),
  },
});
await sequelize.close();
