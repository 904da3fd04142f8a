//! `postgres`: everything in binary, by prepared statements and COPY.

use std::env::var;
use std::error::Error;

use conifer_clients::{Vectors, halves, stored, task, text, texts, vectors};
use pgvector::{HalfVector, Vector};
use postgres::binary_copy::BinaryCopyInWriter;
use postgres::types::ToSql;
use postgres::{Client, NoTls, Row};
use serde_json::{Map, Value, json};

type Parameter<'a> = &'a (dyn ToSql + Sync);

fn main() -> Result<(), Box<dyn Error>> {
    let task = task();
    let sql = &task["sql"];
    let mut db = Client::configure()
        .host(&var("PGHOST")?)
        .port(var("PGPORT")?.parse()?)
        .user(&var("PGUSER")?)
        .dbname(&var("PGDATABASE")?)
        .connect(NoTls)?;
    db.batch_execute(text(&sql["extension"]))?;
    db.batch_execute(text(&sql["table"]))?;

    let rows = task["rows"].as_array().ok_or("no rows")?;
    let (inserted, copied) = rows.split_at(rows.len() / 2);
    let insert = db.prepare(text(&sql["insert"]))?;
    for row in inserted {
        let vectors = vectors(row);
        db.execute(&insert, &columns(&row["id"].as_i64(), &row["category"].as_str(), &vectors))?;
    }
    let types: Vec<_> = insert.params().to_vec();
    let mut copy = BinaryCopyInWriter::new(db.copy_in("COPY items FROM STDIN (FORMAT binary)")?, &types);
    for row in copied {
        let vectors = vectors(row);
        copy.write(&columns(&row["id"].as_i64(), &row["category"].as_str(), &vectors))?;
    }
    copy.finish()?;

    let stored: Vec<_> = db.query(text(&sql["stored"]), &[])?.iter().map(read).collect();
    let queries = vectors(&task["queries"]);
    let exact = nearest(&mut db, &task, &queries)?;
    for statement in texts(&sql["indexes"]).into_iter().chain(texts(&task["settings"])) {
        db.batch_execute(statement)?;
    }
    let indexed = nearest(&mut db, &task, &queries)?;
    let category = text(&task["category"]);
    let filtered = db.query(text(&sql["filtered"]), &[&queries.embedding, &category])?;
    let within = db.query(text(&sql["within"]), &[&queries.embedding, &task["radius"].as_f64()])?;
    let mut aggregates = Map::new();
    for (question, statement) in sql["aggregates"].as_object().ok_or("no aggregates")? {
        let row = db.query_one(text(statement), &[&category])?;
        let vector = match question.ends_with("half") {
            true => halves(row.get::<_, HalfVector>(0)),
            false => row.get::<_, Vector>(0).to_vec(),
        };
        aggregates.insert(question.clone(), json!(vector));
    }
    let answers = json!({
        "stored": stored,
        "nearest": { "exact": exact, "indexed": indexed },
        "filtered": distances(&filtered),
        "within": within.iter().map(|row| row.get(0)).collect::<Vec<i64>>(),
        "aggregates": aggregates,
    });
    println!("{answers}");
    Ok(())
}

fn columns<'a>(id: &'a Option<i64>, category: &'a Option<&str>, row: &'a Vectors) -> [Parameter<'a>; 7] {
    [id, category, &row.embedding, &row.coarse, &row.half, &row.sparse, &row.bits]
}

fn read(row: &Row) -> Value {
    let vectors = Vectors {
        embedding: row.get("embedding"),
        coarse: row.get("coarse"),
        half: row.get("half"),
        sparse: row.get("sparse"),
        bits: row.get("bits"),
    };
    stored(row.get("id"), row.get("category"), vectors)
}

fn nearest(db: &mut Client, task: &Value, queries: &Vectors) -> Result<Map<String, Value>, Box<dyn Error>> {
    let mut answers = Map::new();
    for (question, statement) in task["sql"]["nearest"].as_object().ok_or("no questions")? {
        let query: Parameter = match question.split(' ').next() {
            Some("embedding") => &queries.embedding,
            Some("coarse") => &queries.coarse,
            Some("half") => &queries.half,
            Some("sparse") => &queries.sparse,
            _ => &queries.bits,
        };
        answers.insert(question.clone(), distances(&db.query(text(statement), &[query])?));
    }
    Ok(answers)
}

fn distances(rows: &[Row]) -> Value {
    rows.iter().map(|row| json!([row.get::<_, i64>(0), row.get::<_, f64>(1)])).collect()
}
