//! How an index is described: with a `spec` up to 2026-04, with a `schema` and a `deployment` from 2026-07 on.
//!
//! An index that was made in SQL says neither cloud nor region, which clients insist on: those of the configuration stand for them.

use crate::failure::{Failure, Result};
use crate::operations::describe::Description;
use crate::rest::Place;
use crate::version::Version;
use serde_json::{Map, Value, json};

/// The description of an index, in the form of a version.
///
/// # Errors
/// If the database's is no JSON.
pub fn model(place: &Place<'_>, version: Version, index: &Description<'_>) -> Result<Value> {
    let mut model = json!({
        "name": index.name,
        "host": place.hosts.host(index.name, place.scheme, place.authority),
        "status": {"ready": index.is_ready, "state": index.state},
        "deletion_protection": index.deletion_protection,
        "tags": parsed(index.tags)?,
    });
    let read_capacity = parsed(index.read_capacity)?;
    if version == Version::Schema {
        model["schema"] = parsed(index.schema)?;
        model["deployment"] = deployment(place, parsed(index.deployment)?);
        model["read_capacity"] = read_capacity;
    } else {
        model["metric"] = index.metric.into();
        model["vector_type"] = index.vector_type.into();
        if let Some(dimension) = index.dimension {
            model["dimension"] = dimension.into();
        }
        model["spec"] = spec(place, parsed(index.spec)?, read_capacity);
    }
    Ok(model)
}

fn parsed(json: Option<&str>) -> Result<Value> {
    let wrong = |_| Failure::internal("the database describes an index by what is no JSON");
    json.map_or(Ok(Value::Null), |json| serde_json::from_str(json).map_err(wrong))
}

/// A member that is text, or what stands for it.
fn or_else(members: &Map<String, Value>, name: &str, other: &str) -> Value {
    members.get(name).filter(|value| value.is_string()).cloned().unwrap_or_else(|| other.into())
}

fn or_one(members: &Map<String, Value>, name: &str) -> Value {
    members.get(name).filter(|value| value.is_u64()).cloned().unwrap_or_else(|| 1.into())
}

fn deployment(place: &Place<'_>, given: Value) -> Value {
    let members = given.as_object().cloned().unwrap_or_default();
    let environment = || or_else(&members, "environment", place.region);
    match members.get("deployment_type").and_then(Value::as_str) {
        Some("pod") => json!({
            "deployment_type": "pod",
            "environment": environment(),
            "pod_type": or_else(&members, "pod_type", "p1.x1"),
            "replicas": or_one(&members, "replicas"),
            "shards": or_one(&members, "shards"),
        }),
        Some("byoc") => json!({"deployment_type": "byoc", "environment": environment()}),
        _ => json!({
            "deployment_type": "managed",
            "cloud": or_else(&members, "cloud", place.cloud),
            "region": or_else(&members, "region", place.region),
        }),
    }
}

fn spec(place: &Place<'_>, given: Value, read_capacity: Value) -> Value {
    let kind = ["pod", "byoc"].into_iter().find(|kind| given[kind].is_object()).unwrap_or("serverless");
    let mut members = given[kind].as_object().cloned().unwrap_or_default();
    let mut fill = |name: &str, other: &str| {
        let value = or_else(&members, name, other);
        members.insert(name.into(), value);
    };
    if kind == "serverless" {
        fill("cloud", place.cloud);
        fill("region", place.region);
    } else {
        fill("environment", place.region);
    }
    if kind == "pod" {
        fill("pod_type", "p1.x1");
        let (replicas, shards) = (or_one(&members, "replicas"), or_one(&members, "shards"));
        let pods = replicas.as_u64().unwrap_or(1).saturating_mul(shards.as_u64().unwrap_or(1));
        members.extend([
            ("replicas".into(), replicas),
            ("shards".into(), shards),
            ("pods".into(), pods.into()),
        ]);
    } else {
        members.insert("read_capacity".into(), read_capacity);
    }
    json!({kind: members})
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::Hosts;

    fn described(version: Version, spec: Option<&str>, deployment: Option<&str>) -> Value {
        let hosts = Hosts { template: None, ports: vec![] };
        let place = Place {
            hosts: &hosts,
            scheme: "http",
            authority: "localhost:5080",
            cloud: "aws",
            region: "here",
        };
        let index = Description {
            name: "films",
            dimension: Some(3),
            metric: "cosine",
            vector_type: "dense",
            state: "Ready",
            is_ready: true,
            deletion_protection: "disabled",
            tags: Some("{\"a\": \"b\"}"),
            spec,
            schema: Some("{\"fields\": {}}"),
            deployment,
            read_capacity: Some("{\"mode\": \"OnDemand\", \"status\": {\"state\": \"Ready\"}}"),
        };
        model(&place, version, &index).unwrap()
    }

    #[test]
    fn with_spec() {
        let model = described(Version::Spec, None, None);
        assert_eq!(model["spec"]["serverless"]["cloud"], "aws");
        assert_eq!(model["spec"]["serverless"]["read_capacity"]["status"]["state"], "Ready");
        assert_eq!(
            (&model["dimension"], &model["host"]),
            (&json!(3), &json!("http://localhost:5080/i/films"))
        );
        assert!(model.get("schema").is_none());
        let pods = described(Version::Oldest, Some(r#"{"pod": {"environment": "e", "replicas": 2}}"#), None);
        assert_eq!(
            pods["spec"],
            json!({"pod": {"environment": "e", "pod_type": "p1.x1", "replicas": 2, "shards": 1, "pods": 2}})
        );
    }

    #[test]
    fn with_schema() {
        let model =
            described(Version::Schema, None, Some(r#"{"deployment_type": "managed", "region": "r"}"#));
        assert_eq!(model["deployment"], json!({"deployment_type": "managed", "cloud": "aws", "region": "r"}));
        assert!(model.get("spec").is_none() && model.get("dimension").is_none());
        assert_eq!(model["schema"], json!({"fields": {}}));
        let byoc = described(Version::Schema, None, Some(r#"{"deployment_type": "byoc"}"#));
        assert_eq!(byoc["deployment"], json!({"deployment_type": "byoc", "environment": "here"}));
    }
}
