//! From method and path to the operation.

use super::envelope::Plane;
use super::missing;
use crate::failure::{Failure, Result};
use crate::http::percent;
use crate::operation::Operation;

/// Where a path leads.
#[derive(Debug, PartialEq, Eq)]
pub struct Route {
    /// The operation.
    pub operation: Operation,
    /// The name in its path, decoded.
    pub name: String,
    /// The index that the path names ahead of it all: `/i/films/…`.
    pub index: Option<String>,
    /// How failures are written.
    pub plane: Plane,
}

/// A route that failed, and how that is written.
pub struct Unroutable {
    /// What is told.
    pub failure: Failure,
    /// How.
    pub plane: Plane,
    /// What it counts as.
    pub operation: Operation,
}

/// First segments of the data plane's paths.
const OF_DATA: [&str; 7] =
    ["bulk", "describe_index_stats", "namespace-aliases", "namespaces", "query", "records", "vectors"];

/// The route of a request.
///
/// # Errors
/// 404 for a path that nothing is at, 405 for another method, 400 for what is not there yet.
pub fn route(method: &str, path: &str) -> std::result::Result<Route, Unroutable> {
    let mut segments: Vec<&str> = path.trim_start_matches('/').split('/').collect();
    if segments.last() == Some(&"") {
        segments.pop();
    }
    let mut index = None;
    if let ["i", name, ..] = segments[..] {
        index = Some(name);
        segments.drain(..2);
    }
    let is_data = index.is_some() || segments.first().is_some_and(|first| OF_DATA.contains(first));
    let plane = if is_data { Plane::Data } else { Plane::Control };
    let unroutable = |failure, operation| Unroutable { failure, plane, operation };
    let found = operation(method, &segments);
    let (operation, name) = match found {
        Found::Operation(operation, name) => (operation, name),
        Found::OtherMethod => {
            return Err(unroutable(Failure::method_not_allowed(), Operation::Unknown));
        }
        Found::Nothing => {
            return Err(match missing::what(&segments) {
                Some(what) => unroutable(Failure::unimplemented(what), Operation::Unimplemented),
                None => unroutable(Failure::no_such_path(path), Operation::Unknown),
            });
        }
    };
    let decoded = |text: &str| -> Result<String> {
        percent::decode(text, false).ok_or_else(|| Failure::invalid("the path is not percent-encoded UTF-8"))
    };
    let named = decoded(name).and_then(|name| Ok((name, index.map(decoded).transpose()?)));
    match named {
        Ok((name, index)) => Ok(Route { operation, name, index, plane }),
        Err(failure) => Err(unroutable(failure, operation)),
    }
}

enum Found<'a> {
    Operation(Operation, &'a str),
    OtherMethod,
    Nothing,
}

fn operation<'a>(method: &str, segments: &[&'a str]) -> Found<'a> {
    use Operation as O;
    let of = |choices: &[(&str, Operation)], name: &'a str| {
        let found = choices.iter().find(|(known, _)| *known == method);
        found.map_or(Found::OtherMethod, |(_, operation)| Found::Operation(*operation, name))
    };
    match *segments {
        [.., ""] => Found::Nothing,
        ["query"] => of(&[("POST", O::Query)], ""),
        ["vectors", "upsert"] => of(&[("POST", O::Upsert)], ""),
        ["vectors", "update"] => of(&[("POST", O::Update)], ""),
        ["vectors", "delete"] => of(&[("POST", O::Delete), ("DELETE", O::Delete)], ""),
        ["vectors", "fetch"] => of(&[("GET", O::Fetch)], ""),
        ["vectors", "fetch_by_metadata"] => of(&[("POST", O::FetchByMetadata)], ""),
        ["vectors", "list"] => of(&[("GET", O::List)], ""),
        ["describe_index_stats"] => of(&[("POST", O::Stats), ("GET", O::Stats)], ""),
        ["records", "namespaces", name, "search"] => of(&[("POST", O::Search)], name),
        ["namespaces"] => of(&[("GET", O::ListNamespaces), ("POST", O::CreateNamespace)], ""),
        ["namespaces", name] => of(&[("GET", O::DescribeNamespace), ("DELETE", O::DeleteNamespace)], name),
        ["indexes"] => of(&[("GET", O::ListIndexes), ("POST", O::CreateIndex)], ""),
        ["indexes", "create-for-model"] if method == "POST" => Found::Nothing,
        ["indexes", name] => {
            of(&[("GET", O::DescribeIndex), ("PATCH", O::ConfigureIndex), ("DELETE", O::DeleteIndex)], name)
        }
        _ => Found::Nothing,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(method: &str, path: &str) -> (Operation, String, Option<String>, Plane) {
        let Ok(route) = route(method, path) else { panic!("{method} {path}") };
        (route.operation, route.name, route.index, route.plane)
    }

    fn status(method: &str, path: &str) -> (u16, Plane) {
        let Err(unroutable) = route(method, path) else { panic!("{method} {path}") };
        (unroutable.failure.status(), unroutable.plane)
    }

    #[test]
    fn operations() {
        assert_eq!(of("POST", "/query"), (Operation::Query, String::new(), None, Plane::Data));
        assert_eq!(
            of("GET", "/i/films/namespaces/a%2Fb%20c"),
            (Operation::DescribeNamespace, "a/b c".into(), Some("films".into()), Plane::Data)
        );
        assert_eq!(
            of("PATCH", "/indexes/films"),
            (Operation::ConfigureIndex, "films".into(), None, Plane::Control)
        );
        assert_eq!(of("GET", "/indexes/").0, Operation::ListIndexes);
        assert_eq!(of("DELETE", "/vectors/delete").0, Operation::Delete);
        // an index may have this name; only one cannot be made by it
        assert_eq!(of("GET", "/indexes/create-for-model").0, Operation::DescribeIndex);
    }

    #[test]
    fn refused() {
        assert_eq!(status("GET", "/"), (404, Plane::Control));
        assert_eq!(status("GET", ""), (404, Plane::Control));
        assert_eq!(status("GET", "/i/films/nothing"), (404, Plane::Data));
        assert_eq!(status("PUT", "/query"), (405, Plane::Data));
        assert_eq!(status("POST", "/indexes/create-for-model"), (400, Plane::Control));
        assert_eq!(status("GET", "/backups"), (400, Plane::Control));
        assert_eq!(status("POST", "/bulk/imports"), (400, Plane::Data));
        assert_eq!(status("GET", "/namespaces/%ff"), (400, Plane::Data));
        assert_eq!(status("GET", "/namespaces//"), (404, Plane::Data));
    }
}
