//! The program: `--help` tells what it takes.

use conifer_gateway::app::App;
use conifer_gateway::config::{self, Command, Config};
use conifer_gateway::server::{Listener, listen, serve, watch_over};
use conifer_gateway::tls::server::Certificates;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

/// Exit status for a configuration that does not hold, which no restart mends.
const WRONG_CONFIGURATION: u8 = 78;

fn main() -> ExitCode {
    let file = |path: &str| std::fs::read_to_string(path).map_err(|error| format!("{path}: {error}"));
    let command = config::read(std::env::args().skip(1), |name| std::env::var(name).ok(), file);
    let (config, is_check) = match command {
        Ok(Command::Help) => {
            print!("{}", config::help());
            return ExitCode::SUCCESS;
        }
        Ok(Command::Version) => {
            println!("conifer-gateway {}", env!("CARGO_PKG_VERSION"));
            return ExitCode::SUCCESS;
        }
        Ok(Command::Serve(config)) => (config, false),
        Ok(Command::Check(config)) => (config, true),
        Err(words) => {
            eprintln!("conifer-gateway: {words}");
            return ExitCode::from(WRONG_CONFIGURATION);
        }
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(config.threads)
        .max_blocking_threads(4) // names of hosts are looked up there
        .enable_all()
        .build();
    let done = match runtime {
        Err(error) => Err(error.to_string()),
        Ok(runtime) => {
            runtime.block_on(if is_check { Either::Check(config) } else { Either::Serve(config) }.run())
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(words) => {
            eprintln!("conifer-gateway: {words}");
            ExitCode::FAILURE
        }
    }
}

enum Either {
    Check(Box<Config>),
    Serve(Box<Config>),
}

impl Either {
    async fn run(self) -> Result<(), String> {
        match self {
            Self::Check(config) => check(*config).await,
            Self::Serve(config) => run(*config).await,
        }
    }
}

async fn check(config: Config) -> Result<(), String> {
    if let Some(files) = &config.tls {
        Certificates::read(files.clone())?;
    }
    let app = App::new(config);
    app.pool.is_ready().await.map_err(|failure| failure.message)?;
    let home = app.pool.home().unwrap_or_default();
    println!("conifer {} answers", home.version);
    app.pool.close().await;
    Ok(())
}

async fn run(config: Config) -> Result<(), String> {
    let tls = config.tls.clone().map(Certificates::read).transpose()?.map(Arc::new);
    let mut listeners = vec![];
    for address in &config.listen {
        listeners.push(Listener { socket: listen(*address).await?, tls: tls.clone(), index: None });
    }
    if let Some(first) = config.listen.first() {
        for (index, port) in &config.index_ports {
            let socket = listen(SocketAddr::new(first.ip(), *port)).await?;
            listeners.push(Listener { socket, tls: tls.clone(), index: Some(index.as_str().into()) });
        }
    }
    let admin = match config.admin_listen {
        Some(address) => Some(listen(address).await?),
        None => None,
    };
    let failed = |error: std::io::Error| error.to_string();
    let (mut terminate, mut interrupt) =
        (signal(SignalKind::terminate()).map_err(failed)?, signal(SignalKind::interrupt()).map_err(failed)?);

    let app = App::new(config);
    let (stop, stopped) = watch::channel(false);
    let slots = Arc::new(Semaphore::new(app.config.max_connections));
    let mut serving = JoinSet::new();
    let mut addresses = vec![];
    for listener in listeners {
        addresses.extend(listener.socket.local_addr().map(|address| address.to_string()));
        serving.spawn(serve(app.clone(), listener, slots.clone(), stopped.clone()));
    }
    if let Some(socket) = admin {
        tokio::spawn(watch_over(app.clone(), socket, stopped.clone()));
    }
    if let Some(certificates) = tls {
        tokio::spawn(reload(app.clone(), certificates));
    }
    app.log.note(&format!("version {} listens on {}", env!("CARGO_PKG_VERSION"), addresses.join(", ")));
    // Whether the database is there is said at once, and is no condition.
    if app.pool.is_ready().await.is_ok() {
        let home = app.pool.home().unwrap_or_default();
        app.log.note(&format!("the database has conifer {}", home.version));
    }

    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    app.log.note("shutting down");
    let _ = stop.send(true);
    let all = async { while serving.join_next().await.is_some() {} };
    if tokio::time::timeout(app.config.shutdown_timeout, all).await.is_err() {
        app.log.warn("requests were still under way at the end of shutdown-timeout");
    }
    app.pool.close().await;
    Ok(())
}

/// Looks at the files of the certificate again and again, and when SIGHUP comes.
async fn reload(app: Arc<App>, certificates: Arc<Certificates>) {
    let Ok(mut hangup) = signal(SignalKind::hangup()) else { return };
    let mut every = tokio::time::interval(app.config.tls_reload.max(std::time::Duration::from_millis(100)));
    loop {
        let always = tokio::select! {
            _ = every.tick() => false,
            _ = hangup.recv() => true,
        };
        match certificates.reload(always) {
            Ok(true) => app.log.note("a new certificate is in use"),
            Ok(false) => {}
            Err(words) => app.log.warn(&format!("the certificate in use stays: {words}")),
        }
    }
}
