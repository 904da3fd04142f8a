//! A request's way: from its head to its answer.

use crate::config::Config;
use crate::context::{Context, Lsn};
use crate::database::pool::{Caller, Pool};
use crate::failure::{Failure, Result};
use crate::grpc;
use crate::host::{Hosts, is_authority};
use crate::http::body::{self, Budget};
use crate::http::query_string::QueryString;
use crate::http::reply::Reply;
use crate::log::{self, Log};
use crate::metrics::{Gauges, Metrics};
use crate::operation::{NAMES, Operation};
use crate::request_id;
use crate::rest::envelope::{self, Plane};
use crate::rest::{self, Place, Request as RestRequest, route};
use crate::version::Version;
use conifer_pure::pinecone::access::api_key::role_of;
use hyper::body::Incoming;
use hyper::header::{
    AsHeaderName, CONTENT_TYPE, HOST, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER, USER_AGENT,
};
use hyper::{Request, Response, StatusCode};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

const API_KEY: HeaderName = HeaderName::from_static("api-key");
const API_VERSION: HeaderName = HeaderName::from_static("x-pinecone-api-version");
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const PINECONE_REQUEST_ID: HeaderName = HeaderName::from_static("x-pinecone-request-id");
const INDEX: HeaderName = HeaderName::from_static("x-pinecone-index");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
/// Positions in the write-ahead log: by the names of Pinecone's documents, and by those that its clients look for.
const READ_LSN: [HeaderName; 2] = [
    HeaderName::from_static("x-pinecone-max-indexed-lsn"),
    HeaderName::from_static("x-pinecone-lsn-reconciled"),
];
const WRITTEN_LSN: [HeaderName; 2] =
    [HeaderName::from_static("x-pinecone-request-lsn"), HeaderName::from_static("x-pinecone-lsn-committed")];
const JSON: HeaderValue = HeaderValue::from_static("application/json");
const GRPC: HeaderValue = HeaderValue::from_static("application/grpc");

/// Longest text that is taken for a key.
const MAX_KEY: usize = 200;
/// How much of the client's name for itself is logged.
const MAX_AGENT: usize = 100;

/// Everything that requests share.
pub struct App {
    /// The configuration.
    pub config: Config,
    /// The sessions.
    pub pool: Arc<Pool>,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// The log.
    pub log: Arc<Log>,
    hosts: Hosts,
    budget: Arc<Budget>,
}

/// Where a request came from, and to.
#[derive(Debug, Clone)]
pub struct Origin {
    /// The client's address.
    pub client: IpAddr,
    /// Whether it came by TLS.
    pub is_tls: bool,
    /// The index that the port is for.
    pub index: Option<Arc<str>>,
}

/// What is known of a request for its line in the log.
#[derive(Default)]
struct Seen {
    operation: Option<Operation>,
    index: String,
    key: String,
    bytes_in: usize,
    sqlstate: Option<[u8; 5]>,
}

impl App {
    /// With a configuration, and no session yet.
    pub fn new(config: Config) -> Arc<Self> {
        let log = Arc::new(Log::new(config.log_level));
        let metrics = Arc::new(Metrics::new(NAMES));
        let pool = Pool::new(config.database.clone(), config.limits.clone(), log.clone(), metrics.clone());
        let hosts = Hosts { template: config.host_template.clone(), ports: config.index_ports.clone() };
        let budget = Budget::new(config.max_buffered);
        Arc::new(Self { config, pool, metrics, log, hosts, budget })
    }

    /// Numbers that are kept elsewhere than in the metrics.
    pub fn gauges(&self) -> Gauges {
        let (working, sessions) = self.pool.working();
        Gauges {
            working,
            sessions,
            waiting: self.pool.waiting(),
            opened: self.pool.opened(),
            buffered: self.budget.used(),
        }
    }

    /// Answers a request.
    pub async fn answer(&self, origin: &Origin, request: Request<Incoming>) -> Response<Reply> {
        let begin = Instant::now();
        let (head, body) = request.into_parts();
        let mut body = Some(body);
        let id = request_id::of(text(&head.headers, REQUEST_ID));
        let mut seen = Seen::default();
        let is_grpc =
            text(&head.headers, CONTENT_TYPE).is_some_and(|kind| kind.starts_with("application/grpc"));
        let (mut response, status) = if is_grpc {
            self.grpc(origin, &head, &mut body, &id, &mut seen).await
        } else {
            self.rest(origin, &head, &mut body, &id, &mut seen).await
        };
        if let Some(body) = body {
            body::drain(body, self.config.max_request, self.config.body_timeout).await;
        }
        if let Ok(id) = HeaderValue::from_str(&id) {
            response.headers_mut().insert(PINECONE_REQUEST_ID, id);
        }
        let time = begin.elapsed();
        let operation = seen.operation.unwrap_or(Operation::Unknown);
        self.metrics.request(operation as usize, status, time, seen.bytes_in, response.body().len());
        if self.log.takes(status) {
            let agent = text(&head.headers, USER_AGENT).unwrap_or_default();
            self.log.request(&log::Request {
                id: &id,
                method: if is_grpc { "gRPC" } else { head.method.as_str() },
                operation: operation.name(),
                index: &seen.index,
                key: &seen.key,
                client: &origin.client.to_string(),
                version: text(&head.headers, API_VERSION)
                    .map_or("", |version| &version[..version.len().min(20)]),
                agent: &agent[..agent.len().min(MAX_AGENT)],
                status,
                sqlstate: seen
                    .sqlstate
                    .as_ref()
                    .and_then(|state| str::from_utf8(state).ok())
                    .unwrap_or_default(),
                micros: time.as_micros() as u64,
            });
        }
        response
    }

    async fn rest(
        &self,
        origin: &Origin,
        head: &hyper::http::request::Parts,
        body: &mut Option<Incoming>,
        id: &Arc<str>,
        seen: &mut Seen,
    ) -> (Response<Reply>, u16) {
        let path = head.uri.path();
        let (plane, result) = match route::route(head.method.as_str(), path) {
            Ok(route) => {
                seen.operation = Some(route.operation);
                (route.plane, self.routed(origin, head, body, id, route, seen).await)
            }
            Err(unroutable) => {
                seen.operation = Some(unroutable.operation);
                (unroutable.plane, Err(unroutable.failure))
            }
        };
        match result {
            Ok(output) => {
                let mut response = Response::new(Reply::new(output.body));
                *response.status_mut() = StatusCode::from_u16(output.status).unwrap_or_default();
                response.headers_mut().insert(CONTENT_TYPE, JSON);
                put_lsn(response.headers_mut(), output.lsn);
                (response, output.status)
            }
            Err(failure) => {
                seen.sqlstate = failure.sqlstate;
                (refused(plane, &failure), failure.status())
            }
        }
    }

    async fn routed(
        &self,
        origin: &Origin,
        head: &hyper::http::request::Parts,
        body: &mut Option<Incoming>,
        id: &Arc<str>,
        route: route::Route,
        seen: &mut Seen,
    ) -> Result<rest::Output> {
        let context = self.context(&head.headers, id, seen)?;
        let authority = authority(head)?;
        let query = QueryString::parse(head.uri.query())?;
        let body = self.body(body, self.config.max_request).await?;
        seen.bytes_in = body.bytes.len();
        seen.index = match route.plane {
            Plane::Control => route.name.clone(),
            Plane::Data => self.index(&context, origin, route.index, authority, &head.headers).await?,
        };
        let is_tls = origin.is_tls || text(&head.headers, FORWARDED_PROTO) == Some("https");
        let place = Place {
            hosts: &self.hosts,
            scheme: if is_tls { "https" } else { "http" },
            authority,
            cloud: &self.config.cloud,
            region: &self.config.region,
        };
        let request = RestRequest {
            operation: route.operation,
            name: &route.name,
            index: &seen.index,
            query: &query,
            body: &body.bytes,
        };
        rest::answer(&context, &place, &request).await
    }

    async fn grpc(
        &self,
        origin: &Origin,
        head: &hyper::http::request::Parts,
        body: &mut Option<Incoming>,
        id: &Arc<str>,
        seen: &mut Seen,
    ) -> (Response<Reply>, u16) {
        let result = match grpc::operation(head.uri.path()) {
            Some(operation) => {
                seen.operation = Some(operation);
                self.called(origin, head, body, id, operation, seen).await
            }
            None => Err(Failure::unimplemented("calls of this name")),
        };
        let (mut response, status) = match result {
            Ok((bytes, lsn)) => {
                let mut response = Response::new(Reply::with_trailers(bytes, grpc::status::ok()));
                put_lsn(response.headers_mut(), Some(lsn));
                (response, 200)
            }
            Err(failure) => {
                seen.sqlstate = failure.sqlstate;
                let mut response = Response::new(Reply::default());
                response.headers_mut().extend(grpc::status::failed(&failure));
                (response, failure.status())
            }
        };
        response.headers_mut().insert(CONTENT_TYPE, GRPC);
        (response, status)
    }

    async fn called(
        &self,
        origin: &Origin,
        head: &hyper::http::request::Parts,
        body: &mut Option<Incoming>,
        id: &Arc<str>,
        operation: Operation,
        seen: &mut Seen,
    ) -> Result<(Vec<u8>, Lsn)> {
        let context = self.context(&head.headers, id, seen)?;
        let authority = authority(head)?;
        let body = self.body(body, self.config.max_grpc_request).await?;
        seen.bytes_in = body.bytes.len();
        seen.index = self.index(&context, origin, None, authority, &head.headers).await?;
        grpc::answer(&context, &seen.index, operation, &body.bytes).await
    }

    /// Whom a request is of. Whether the key is valid, and for what, is for the database to say.
    fn context(&self, headers: &HeaderMap, id: &Arc<str>, seen: &mut Seen) -> Result<Context<'_>> {
        let mut keys = headers.get_all(API_KEY).iter();
        let key = keys.next().and_then(|key| key.to_str().ok()).ok_or_else(Failure::unauthenticated)?;
        if keys.next().is_some() {
            return Err(Failure::invalid("the request has more than one Api-Key"));
        }
        if key.is_empty() || key.len() > MAX_KEY {
            return Err(Failure::unauthenticated());
        }
        seen.key = role_of(key).unwrap_or_default().to_owned();
        let version = Version::of(text(headers, API_VERSION))?;
        let caller = Caller { key: key.into(), request_id: id.clone() };
        Ok(Context { pool: &self.pool, caller, version })
    }

    async fn body(&self, body: &mut Option<Incoming>, max: usize) -> Result<body::Whole> {
        let Some(body) = body.take() else { return Err(Failure::internal("a body was to be read twice")) };
        body::read(body, max, self.config.body_timeout, &self.budget).await
    }

    /// The index that a request on records is for.
    async fn index(
        &self,
        context: &Context<'_>,
        origin: &Origin,
        of_path: Option<String>,
        authority: &str,
        headers: &HeaderMap,
    ) -> Result<String> {
        let named = of_path
            .or_else(|| origin.index.as_deref().map(str::to_owned))
            .or_else(|| self.hosts.index_of(authority))
            .or_else(|| text(headers, INDEX).map(str::to_owned));
        match named {
            Some(name) => Ok(name),
            None => context.only_index().await,
        }
    }
}

/// A header's text, if it is one.
fn text(headers: &HeaderMap, name: impl AsHeaderName) -> Option<&str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// Where a request came to, in the client's words.
fn authority(head: &hyper::http::request::Parts) -> Result<&str> {
    let mut hosts = head.headers.get_all(HOST).iter();
    let host = hosts.next();
    if hosts.next().is_some() {
        return Err(Failure::invalid("the request has more than one Host"));
    }
    let authority = match head.uri.authority() {
        Some(authority) => authority.as_str(),
        None => host.and_then(|host| host.to_str().ok()).unwrap_or_default(),
    };
    if !is_authority(authority) {
        return Err(Failure::invalid("the request names no host"));
    }
    Ok(authority)
}

fn refused(plane: Plane, failure: &Failure) -> Response<Reply> {
    let mut response = Response::new(Reply::new(envelope::body(plane, failure)));
    *response.status_mut() =
        StatusCode::from_u16(failure.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, JSON);
    if let Some(seconds) = failure.retry_after {
        headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

fn put_lsn(headers: &mut HeaderMap, lsn: Option<Lsn>) {
    let (names, lsn) = match lsn {
        Some(Lsn::Read(lsn)) => (READ_LSN, lsn),
        Some(Lsn::Written(lsn)) => (WRITTEN_LSN, lsn),
        None => return,
    };
    for name in names {
        headers.insert(name, HeaderValue::from(lsn));
    }
}
