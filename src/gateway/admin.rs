//! What those see who watch over the gateway: whether it lives, whether it can work, and its metrics.

use crate::app::App;
use crate::http::reply::Reply;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::{Response, StatusCode};

/// The kind of text that Prometheus reads.
const PROMETHEUS: HeaderValue = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");

/// Answers a path.
pub async fn answer(app: &App, path: &str) -> Response<Reply> {
    let (status, body) = match path {
        "/live" => (StatusCode::OK, "live\n".to_owned()),
        "/ready" => match app.pool.is_ready().await {
            Ok(()) => (StatusCode::OK, ready(app)),
            Err(failure) => (StatusCode::SERVICE_UNAVAILABLE, format!("not ready: {failure}\n")),
        },
        "/metrics" => (StatusCode::OK, app.metrics.text(app.gauges())),
        _ => (StatusCode::NOT_FOUND, "there are /live, /ready and /metrics\n".to_owned()),
    };
    let mut response = Response::new(Reply::new(body));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, PROMETHEUS);
    response
}

fn ready(app: &App) -> String {
    let home = app.pool.home().unwrap_or_default();
    let place = if home.is_standby { "a standby" } else { "a primary" };
    format!("ready: conifer {} on {place}\n", home.version)
}
