//! Listening: for clients, with HTTP/1.1, HTTP/2 and TLS on the same port, and for those who watch.

use crate::app::{App, Origin};
use crate::http::reply::Reply;
use crate::log::Log;
use crate::tls::server::Certificates;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};

/// How long the handshake of TLS may take.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// Maximum number of bytes of a request's head.
const MAX_HEAD: usize = 64 * 1024;
/// Maximum number of requests at once on a connection of HTTP/2.
const MAX_STREAMS: u32 = 200;

/// Where it listens, and how.
pub struct Listener {
    /// The socket.
    pub socket: TcpListener,
    /// TLS.
    pub tls: Option<Arc<Certificates>>,
    /// The index that the port is for.
    pub index: Option<Arc<str>>,
}

/// Opens a socket.
///
/// # Errors
/// In words, which name the address.
pub async fn listen(address: SocketAddr) -> Result<TcpListener, String> {
    TcpListener::bind(address).await.map_err(|error| format!("{address}: {error}"))
}

/// Serves clients until `stop` changes, and then until the requests that are under way are answered.
pub async fn serve(
    app: Arc<App>,
    listener: Listener,
    slots: Arc<Semaphore>,
    mut stop: watch::Receiver<bool>,
) {
    let builders = Arc::new(Builders::new(app.config.idle_timeout));
    let graceful = GracefulShutdown::new();
    loop {
        // A slot first: connections beyond the maximum wait in the system's queue.
        let next = async {
            let slot = slots.clone().acquire_owned().await;
            (slot, listener.socket.accept().await)
        };
        let (slot, accepted) = tokio::select! {
            next = next => next,
            _ = stop.changed() => break,
        };
        let (tcp, client) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                refuse_for_a_while(&app.log, &error).await;
                continue;
            }
        };
        let origin =
            Origin { client: client.ip(), is_tls: listener.tls.is_some(), index: listener.index.clone() };
        let (app, builders, watcher) = (app.clone(), builders.clone(), graceful.watcher());
        let tls = listener.tls.as_ref().map(|certificates| certificates.acceptor());
        tokio::spawn(async move {
            let _slot = slot;
            let _counted = app.metrics.connection();
            let _ = tcp.set_nodelay(true);
            // Who says nothing at all is not waited for.
            if !matches!(tokio::time::timeout(app.config.idle_timeout, tcp.readable()).await, Ok(Ok(()))) {
                return;
            }
            match tls {
                None => connection(&app, &builders.any, watcher, origin, tcp).await,
                Some(tls) => {
                    if let Ok(Ok(stream)) = tokio::time::timeout(HANDSHAKE, tls.accept(tcp)).await {
                        let is_http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
                        let builder = if is_http2 { &builders.http2 } else { &builders.http1 };
                        connection(&app, builder, watcher, origin, stream).await;
                    }
                }
            }
        });
    }
    drop(listener);
    graceful.shutdown().await;
}

/// A connection that cannot be taken: of files there may be too few, which becomes better by itself.
async fn refuse_for_a_while(log: &Log, error: &std::io::Error) {
    log.warn(&format!("a connection was not accepted: {error}"));
    tokio::time::sleep(Duration::from_millis(100)).await;
}

/// What serves connections: of which the first bytes tell the version, and of which TLS has told it.
struct Builders {
    any: auto::Builder<TokioExecutor>,
    http1: auto::Builder<TokioExecutor>,
    http2: auto::Builder<TokioExecutor>,
}

impl Builders {
    fn new(idle_timeout: Duration) -> Self {
        Self {
            any: builder(idle_timeout),
            http1: builder(idle_timeout).http1_only(),
            http2: builder(idle_timeout).http2_only(),
        }
    }
}

fn builder(idle_timeout: Duration) -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(idle_timeout).max_buf_size(MAX_HEAD);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(MAX_STREAMS)
        .max_header_list_size(MAX_HEAD as u32)
        .keep_alive_interval(idle_timeout)
        .initial_stream_window_size(1 << 20)
        .initial_connection_window_size(2 << 20);
    builder
}

async fn connection<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
    app: &Arc<App>,
    builder: &auto::Builder<TokioExecutor>,
    watcher: Watcher,
    origin: Origin,
    stream: S,
) {
    let service = service_fn(|request: Request<Incoming>| {
        let (app, origin) = (app.clone(), origin.clone());
        async move { Ok::<Response<Reply>, Infallible>(app.answer(&origin, request).await) }
    });
    let served = builder.serve_connection(TokioIo::new(stream), service);
    // What is wrong with a connection is known to its client, and to nobody else of interest.
    let _ = watcher.watch(served).await;
}

/// Answers `/live`, `/ready` and `/metrics` until `stop` changes.
pub async fn watch_over(app: Arc<App>, socket: TcpListener, mut stop: watch::Receiver<bool>) {
    let builder = Arc::new(builder(Duration::from_secs(30)));
    loop {
        let tcp: TcpStream = tokio::select! {
            accepted = socket.accept() => match accepted {
                Ok((tcp, _)) => tcp,
                Err(error) => {
                    refuse_for_a_while(&app.log, &error).await;
                    continue;
                }
            },
            _ = stop.changed() => return,
        };
        let (app, builder) = (app.clone(), builder.clone());
        tokio::spawn(async move {
            let service = service_fn(|request: Request<Incoming>| {
                let app = app.clone();
                async move { Ok::<_, Infallible>(crate::admin::answer(&app, request.uri().path()).await) }
            });
            let _ = builder.serve_connection(TokioIo::new(tcp), service).await;
        });
    }
}
