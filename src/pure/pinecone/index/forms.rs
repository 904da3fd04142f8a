//! Where and how an index is served, in the forms of Pinecone's API versions: `spec` up to 2026-04, `deployment`, `schema` and
//! `read_capacity` from 2026-07 on. Nothing in them is required and nothing in them changes what the index does; an index that was
//! made in one form is described in all.

use crate::fault::state::{FEATURE_NOT_SUPPORTED, INVALID_PARAMETER_VALUE};
use crate::fault::{Fault, Result, quoted};
use crate::pinecone::index::json::{Object, check_size, object, present, text, write};
use crate::pinecone::index::schema::{self, Schema};

/// What a caller gave, as JSON texts.
#[derive(Debug, Clone, Copy, Default)]
pub struct Given<'a> {
    /// `spec`
    pub spec: Option<&'a str>,
    /// `deployment`
    pub deployment: Option<&'a str>,
    /// `schema`
    pub schema: Option<&'a str>,
    /// `read_capacity`
    pub read_capacity: Option<&'a str>,
}

/// All forms, as JSON texts, but for the schema, which the index's vectors belong to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Forms<'a> {
    /// `spec`
    pub spec: Option<String>,
    /// `deployment`
    pub deployment: Option<String>,
    /// `read_capacity`
    pub read_capacity: Option<String>,
    /// `schema`
    pub schema: Schema<'a>,
}

/// The kinds of `spec`, each with the `deployment_type` that it became.
const KINDS: [(&str, &str); 3] = [("serverless", "managed"), ("pod", "pod"), ("byoc", "byoc")];

/// Members that `spec` and `deployment` have in common.
const COMMON: [&str; 7] = ["cloud", "region", "environment", "pod_type", "replicas", "shards", "pods"];

fn invalid(message: impl Into<String>) -> Fault {
    Fault::new(INVALID_PARAMETER_VALUE, message)
}

/// The kind of a spec, and what it says; none for a spec of no known kind, which is kept and means nothing.
fn kind<'a>(spec: &Object<'a>) -> Option<(&'static str, &'static str, Object<'a>)> {
    KINDS.iter().find_map(|(old, new)| Some((*old, *new, object(spec.get(*old)?.get())?)))
}

fn common<'a>(from: &Object<'a>) -> Vec<(&'static str, String)> {
    COMMON.iter().filter_map(|name| Some((*name, from.get(*name)?.get().to_owned()))).collect()
}

impl<'a> Forms<'a> {
    /// Reads what was given, in one form or the other.
    ///
    /// # Errors
    /// 22023 for JSON of another shape, and for both forms at once; 0A000 for a `source_collection`.
    pub fn new(given: Given<'a>) -> Result<Self> {
        let read_capacity = given.read_capacity.map(check_read_capacity).transpose()?;
        let schema = given.schema.map(schema::parse).transpose()?;
        match (given.spec, given.deployment) {
            (Some(_), Some(_)) => Err(invalid("only one of spec and deployment may be given")),
            (Some(spec), None) => Self::of_spec(spec, schema, read_capacity),
            (None, Some(deployment)) => Self::of_deployment(deployment, schema, read_capacity),
            (None, None) => Ok(Self {
                spec: None,
                deployment: None,
                read_capacity: read_capacity.map(str::to_owned),
                schema: schema.unwrap_or_default(),
            }),
        }
    }

    fn of_spec(spec: &'a str, schema: Option<Schema<'a>>, read_capacity: Option<&str>) -> Result<Self> {
        check_size("spec", spec)?;
        let outer = object(spec).ok_or_else(|| invalid("spec must be a JSON object"))?;
        refuse_source(&outer)?;
        let known = kind(&outer);
        let (mut inner_schema, mut capacity) = (None, None);
        if let Some((old, _, inner)) = &known {
            refuse_source(inner)?;
            if KINDS.iter().filter(|(name, _)| outer.contains_key(*name)).count() > 1 {
                return Err(invalid("spec must have one of \"serverless\", \"pod\" and \"byoc\""));
            }
            capacity = present(inner, "read_capacity").map(check_read_capacity).transpose()?;
            inner_schema = match (*old, present(inner, "schema")) {
                ("pod", _) | (_, None) => None,
                (_, Some(json)) => Some(schema::parse(json)?),
            };
        }
        if inner_schema.as_ref().is_some_and(|inner| inner.vector_type.is_some()) {
            return Err(invalid("schema in spec must name metadata fields only"));
        }
        if inner_schema.is_some() && schema.is_some() || capacity.is_some() && read_capacity.is_some() {
            return Err(invalid("schema and read_capacity must be given within spec or beside it, not both"));
        }
        let deployment = known.map(|(_, new, inner)| {
            let mut members = vec![("deployment_type", format!("\"{new}\""))];
            members.extend(common(&inner));
            write(&members)
        });
        Ok(Self {
            spec: Some(spec.to_owned()),
            deployment,
            read_capacity: capacity.or(read_capacity).map(str::to_owned),
            schema: inner_schema.or(schema).unwrap_or_default(),
        })
    }

    fn of_deployment(
        deployment: &str,
        schema: Option<Schema<'a>>,
        read_capacity: Option<&str>,
    ) -> Result<Self> {
        check_size("deployment", deployment)?;
        let outer = object(deployment).ok_or_else(|| invalid("deployment must be a JSON object"))?;
        let is = text(&outer, "deployment_type").unwrap_or_default();
        let Some((old, _)) = KINDS.iter().find(|(_, new)| *new == is) else {
            return Err(invalid(format!("unrecognized deployment_type {}", quoted(&is)))
                .hint("Use \"managed\", \"pod\" or \"byoc\"."));
        };
        let schema = schema.unwrap_or_default();
        let mut members = common(&outer);
        if let Some(capacity) = read_capacity.filter(|_| *old != "pod") {
            members.push(("read_capacity", capacity.to_owned()));
        }
        if let Some(fields) = schema.filterable().filter(|_| *old != "pod") {
            members.push(("schema", fields));
        }
        Ok(Self {
            spec: Some(write(&[(old, write(&members))])),
            deployment: Some(deployment.to_owned()),
            read_capacity: read_capacity.map(str::to_owned),
            schema,
        })
    }
}

/// Lays what a configuration gives over a spec: members of the same kind are replaced one by one, a spec of another kind as a whole.
///
/// # Errors
/// 22023 unless the new one is an object.
pub fn lay_over(old: Option<&str>, new: &str) -> Result<String> {
    check_size("spec", new)?;
    let outer = object(new).ok_or_else(|| invalid("spec must be a JSON object"))?;
    let old = old.and_then(object);
    let (Some((name, _, inner)), Some((before, _, mut merged))) = (kind(&outer), old.as_ref().and_then(kind))
    else {
        return Ok(new.to_owned());
    };
    if name != before {
        return Ok(new.to_owned());
    }
    merged.extend(inner);
    let members: Vec<(&str, String)> =
        merged.iter().map(|(name, raw)| (&**name, raw.get().to_owned())).collect();
    Ok(write(&[(name, write(&members))]))
}

/// A spec with another `read_capacity`; none if it is of a kind that has none.
pub fn with_read_capacity(spec: &str, read_capacity: &str) -> Option<String> {
    let outer = object(spec)?;
    let (name, _, inner) = kind(&outer).filter(|(name, ..)| *name != "pod")?;
    let others = inner.iter().filter(|(member, _)| **member != *"read_capacity");
    let mut members: Vec<(&str, String)> =
        others.map(|(name, raw)| (&**name, raw.get().to_owned())).collect();
    members.push(("read_capacity", read_capacity.to_owned()));
    Some(write(&[(name, write(&members))]))
}

fn refuse_source(object: &Object<'_>) -> Result<()> {
    match present(object, "source_collection") {
        None => Ok(()),
        Some(_) => Err(Fault::new(FEATURE_NOT_SUPPORTED, "source_collection is not supported yet")),
    }
}

fn check_read_capacity(json: &str) -> Result<&str> {
    check_size("read_capacity", json)?;
    let mode = object(json).and_then(|capacity| text(&capacity, "mode").map(|mode| mode.into_owned()));
    match mode.as_deref() {
        Some("OnDemand" | "Dedicated") => Ok(json),
        _ => Err(invalid("read_capacity must be a JSON object with a mode")
            .hint(r#"Write {"mode": "OnDemand"} or {"mode": "Dedicated", "dedicated": {...}}."#)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(given: Given<'_>) -> Forms<'_> {
        Forms::new(given).unwrap()
    }

    #[test]
    fn spec_becomes_deployment() {
        for (spec, deployment) in [
            (
                r#"{"serverless": {"cloud": "aws", "region": "us-east-1"}}"#,
                r#"{"deployment_type": "managed", "cloud": "aws", "region": "us-east-1"}"#,
            ),
            (
                r#"{"pod": {"environment": "x", "pod_type": "p1.x1", "replicas": 2, "metadata_config": {"indexed": ["a"]}}}"#,
                r#"{"deployment_type": "pod", "environment": "x", "pod_type": "p1.x1", "replicas": 2}"#,
            ),
            (r#"{"byoc": {"environment": "x"}}"#, r#"{"deployment_type": "byoc", "environment": "x"}"#),
        ] {
            let forms = of(Given { spec: Some(spec), ..Given::default() });
            assert_eq!((forms.spec.as_deref(), forms.deployment.as_deref()), (Some(spec), Some(deployment)));
        }
        for kept in ["{}", r#"{"local": {}}"#, r#"{"pod": {"source_collection": null}}"#] {
            assert_eq!(of(Given { spec: Some(kept), ..Given::default() }).spec.as_deref(), Some(kept));
        }
        let inner = r#"{"serverless": {"read_capacity": {"mode": "OnDemand"}, "schema": {"fields": {"a": {"filterable": true}}}}}"#;
        let forms = of(Given { spec: Some(inner), ..Given::default() });
        assert_eq!(forms.read_capacity.as_deref(), Some(r#"{"mode": "OnDemand"}"#));
        assert_eq!(forms.schema.fields.len(), 1);
    }

    #[test]
    fn deployment_becomes_spec() {
        let forms = of(Given {
            deployment: Some(r#"{"deployment_type": "managed", "cloud": "gcp", "region": "r"}"#),
            schema: Some(
                r#"{"fields": {"_values": {"type": "dense_vector", "dimension": 4}, "a": {"type": "float", "filterable": true}}}"#,
            ),
            read_capacity: Some(r#"{"mode": "OnDemand"}"#),
            ..Given::default()
        });
        assert_eq!(
            forms.spec.as_deref(),
            Some(
                r#"{"serverless": {"cloud": "gcp", "region": "r", "read_capacity": {"mode": "OnDemand"}, "schema": {"fields": {"a": {"filterable": true}}}}}"#
            )
        );
        assert_eq!((forms.schema.dimension, forms.schema.vector_type), (Some(4), Some("dense")));
    }

    #[test]
    fn refusals() {
        let given = Given::default();
        for (bad, state) in [
            (Given { spec: Some("[]"), ..given }, INVALID_PARAMETER_VALUE),
            (Given { spec: Some("{}"), deployment: Some("{}"), ..given }, INVALID_PARAMETER_VALUE),
            (Given { spec: Some(r#"{"pod": {}, "byoc": {}}"#), ..given }, INVALID_PARAMETER_VALUE),
            (Given { spec: Some(r#"{"pod": {"source_collection": "c"}}"#), ..given }, FEATURE_NOT_SUPPORTED),
            (Given { spec: Some(r#"{"source_collection": "c"}"#), ..given }, FEATURE_NOT_SUPPORTED),
            (Given { spec: Some(r#"{"serverless": {"schema": []}}"#), ..given }, INVALID_PARAMETER_VALUE),
            (Given { deployment: Some("{}"), ..given }, INVALID_PARAMETER_VALUE),
            (Given { deployment: Some(r#"{"deployment_type": "moon"}"#), ..given }, INVALID_PARAMETER_VALUE),
            (Given { read_capacity: Some("{}"), ..given }, INVALID_PARAMETER_VALUE),
            (Given { read_capacity: Some(r#"{"mode": "Turbo"}"#), ..given }, INVALID_PARAMETER_VALUE),
            (Given { schema: Some("1"), ..given }, INVALID_PARAMETER_VALUE),
        ] {
            assert_eq!(Forms::new(bad).unwrap_err().state, state, "{bad:?}");
        }
        let big = format!(r#"{{"a": "{}"}}"#, "x".repeat(65_536));
        assert!(Forms::new(Given { spec: Some(&big), ..given }).unwrap_err().message.contains("65545"));
    }

    #[test]
    fn configuring() {
        let old = r#"{"pod": {"environment": "x", "replicas": 1}}"#;
        assert_eq!(
            lay_over(Some(old), r#"{"pod": {"replicas": 2}}"#).unwrap(),
            r#"{"pod": {"environment": "x", "replicas": 2}}"#
        );
        let other = r#"{"serverless": {"cloud": "aws"}}"#;
        assert_eq!(lay_over(Some(old), other).unwrap(), other);
        assert_eq!(lay_over(None, other).unwrap(), other);
        assert!(lay_over(None, "[]").is_err());
        assert_eq!(
            with_read_capacity(
                r#"{"byoc": {"read_capacity": {"mode": "OnDemand"}, "environment": "x"}}"#,
                "1"
            )
            .unwrap(),
            r#"{"byoc": {"environment": "x", "read_capacity": 1}}"#
        );
        assert_eq!((with_read_capacity(old, "1"), with_read_capacity("{}", "1")), (None, None));
    }
}
