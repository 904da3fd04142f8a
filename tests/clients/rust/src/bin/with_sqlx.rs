//! `sqlx`: everything in binary, by prepared statements.

use std::error::Error;

use conifer_clients::{Vectors, halves, stored, task, text, texts, vectors};
use pgvector::{HalfVector, Vector};
use serde_json::{Map, Value, json};
use sqlx::postgres::{PgConnectOptions, PgConnection, PgRow};
use sqlx::{ConnectOptions, Row, query, query_scalar};

fn main() -> Result<(), Box<dyn Error>> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(answer())
}

async fn answer() -> Result<(), Box<dyn Error>> {
    let task = task();
    let sql = &task["sql"];
    let mut db = PgConnectOptions::new().connect().await?; // PGHOST and so on
    query(text(&sql["extension"])).execute(&mut db).await?;
    query(text(&sql["table"])).execute(&mut db).await?;

    for row in task["rows"].as_array().ok_or("no rows")? {
        let vectors = vectors(row);
        query(text(&sql["insert"]))
            .bind(row["id"].as_i64())
            .bind(row["category"].as_str())
            .bind(vectors.embedding)
            .bind(vectors.coarse)
            .bind(vectors.half)
            .bind(vectors.sparse)
            .bind(vectors.bits)
            .execute(&mut db)
            .await?;
    }

    let rows = query(text(&sql["stored"])).fetch_all(&mut db).await?;
    let stored = rows.iter().map(read).collect::<Result<Vec<_>, _>>()?;
    let queries = vectors(&task["queries"]);
    let exact = nearest(&mut db, &task, &queries).await?;
    for statement in texts(&sql["indexes"]).into_iter().chain(texts(&task["settings"])) {
        query(statement).execute(&mut db).await?;
    }
    let indexed = nearest(&mut db, &task, &queries).await?;
    let category = text(&task["category"]);
    let near = &queries.embedding;
    let filtered = query(text(&sql["filtered"])).bind(near).bind(category).fetch_all(&mut db).await?;
    let within: Vec<i64> = query_scalar(text(&sql["within"]))
        .bind(near)
        .bind(task["radius"].as_f64())
        .fetch_all(&mut db)
        .await?;
    let mut aggregates = Map::new();
    for (question, statement) in sql["aggregates"].as_object().ok_or("no aggregates")? {
        let row = query(text(statement)).bind(category).fetch_one(&mut db).await?;
        let vector = match question.ends_with("half") {
            true => halves(row.try_get::<HalfVector, _>(0)?),
            false => row.try_get::<Vector, _>(0)?.to_vec(),
        };
        aggregates.insert(question.clone(), json!(vector));
    }
    let answers = json!({
        "stored": stored,
        "nearest": { "exact": exact, "indexed": indexed },
        "filtered": distances(&filtered)?,
        "within": within,
        "aggregates": aggregates,
    });
    println!("{answers}");
    Ok(())
}

fn read(row: &PgRow) -> Result<Value, sqlx::Error> {
    let vectors = Vectors {
        embedding: row.try_get("embedding")?,
        coarse: row.try_get("coarse")?,
        half: row.try_get("half")?,
        sparse: row.try_get("sparse")?,
        bits: row.try_get("bits")?,
    };
    Ok(stored(row.try_get("id")?, row.try_get("category")?, vectors))
}

async fn nearest(
    db: &mut PgConnection,
    task: &Value,
    queries: &Vectors,
) -> Result<Map<String, Value>, Box<dyn Error>> {
    let mut answers = Map::new();
    for (question, statement) in task["sql"]["nearest"].as_object().ok_or("no questions")? {
        let ask = query(text(statement));
        let ask = match question.split(' ').next() {
            Some("embedding") => ask.bind(&queries.embedding),
            Some("coarse") => ask.bind(&queries.coarse),
            Some("half") => ask.bind(&queries.half),
            Some("sparse") => ask.bind(&queries.sparse),
            _ => ask.bind(&queries.bits),
        };
        answers.insert(question.clone(), distances(&ask.fetch_all(&mut *db).await?)?);
    }
    Ok(answers)
}

fn distances(rows: &[PgRow]) -> Result<Value, sqlx::Error> {
    rows.iter().map(|row| Ok(json!([row.try_get::<i64, _>(0)?, row.try_get::<f64, _>(1)?]))).collect()
}
