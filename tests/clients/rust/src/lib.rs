//! What the clients in Rust share: the task, and values as JSON has them.

use std::collections::HashMap;
use std::io;

use half::f16;
use pgvector::{Bit, HalfVector, SparseVector, Vector};
use serde_json::{Value, json};

/// The vectors of a row, as pgvector's own classes.
pub struct Vectors {
    pub embedding: Option<Vector>,
    pub coarse: Option<Vector>,
    pub half: Option<HalfVector>,
    pub sparse: Option<SparseVector>,
    pub bits: Option<Bit>,
}

/// The task, as it comes in.
pub fn task() -> Value {
    serde_json::from_reader(io::stdin()).expect("the task")
}

/// A string of the task.
pub fn text(value: &Value) -> &str {
    value.as_str().expect("a string")
}

/// The strings of a list of the task.
pub fn texts(value: &Value) -> Vec<&str> {
    value.as_array().expect("a list").iter().map(text).collect()
}

/// The vectors of a row or of the queries of the task.
pub fn vectors(row: &Value) -> Vectors {
    let list = |value: &Value| -> Option<Vec<f32>> {
        Some(value.as_array()?.iter().map(|item| item.as_f64().expect("a number") as f32).collect())
    };
    let sparse = |value: &Value| {
        let places =
            value["indices"].as_array()?.iter().map(|place| place.as_i64().expect("a number") as i32);
        let map: HashMap<i32, f32> = places.zip(list(&value["values"])?).collect();
        Some(SparseVector::from_map(&map, value["dimensions"].as_i64()? as i32))
    };
    let bits =
        |value: &Value| Some(Bit::new(&value.as_str()?.bytes().map(|bit| bit == b'1').collect::<Vec<_>>()));
    Vectors {
        embedding: list(&row["embedding"]).map(Vector::from),
        coarse: list(&row["coarse"]).map(Vector::from),
        half: list(&row["half"]).map(|list| HalfVector::from_f32_slice(&list)),
        sparse: sparse(&row["sparse"]),
        bits: bits(&row["bits"]),
    }
}

/// A row that a client has read, as the task has it.
pub fn stored(id: i64, category: &str, row: Vectors) -> Value {
    json!({
        "id": id,
        "category": category,
        "embedding": row.embedding.map(|vector| vector.to_vec()),
        "coarse": row.coarse.map(|vector| vector.to_vec()),
        "half": row.half.map(halves),
        "sparse": row.sparse.map(|vector| json!({
            "dimensions": vector.dimensions(), "indices": vector.indices(), "values": vector.values(),
        })),
        "bits": row.bits.map(|bits| {
            let bytes: String = bits.as_bytes().iter().map(|byte| format!("{byte:08b}")).collect();
            bytes[..bits.len()].to_owned()
        }),
    })
}

/// The numbers of a half vector.
pub fn halves(vector: HalfVector) -> Vec<f32> {
    vector.to_vec().into_iter().map(f16::to_f32).collect()
}
