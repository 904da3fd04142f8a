//! The sessions, and who waits for one.
//!
//! As many requests as there are sessions are at the database; a bounded number of others waits, in order, for a bounded time; any
//! more are refused at once. So a flood reaches neither the server's `max_connections` nor this program's memory.
//!
//! A transaction runs in a task of its own, which owns the session until the answer is read. A client that goes away takes the
//! request with it, but not the task: it cancels the statement, reads to the end and gives the session back clean.

use super::conninfo::ConnInfo;
use super::login::LoginError;
use super::session::{Answer, Call, FlightError, Home, Session, application};
use crate::failure::{Code, Failure, Result};
use crate::log::Log;
use crate::metrics::Metrics;
use std::io;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

/// How long the database is not asked again after it could not be reached.
const PAUSE: Duration = Duration::from_millis(250);

/// How much longer than a statement may take the whole transaction may, which ends with the server's writing to its log.
const GRACE: Duration = Duration::from_secs(10);

/// The limits of a pool.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Maximum number of sessions.
    pub size: usize,
    /// Maximum number of requests that wait for one.
    pub max_waiting: usize,
    /// How long a request waits.
    pub max_wait: Duration,
    /// How long a statement may take.
    pub statement_timeout: Duration,
    /// How old a session becomes.
    pub lifetime: Duration,
    /// Maximum number of bytes of an answer's rows.
    pub max_bytes: usize,
}

/// Whom a transaction is for.
#[derive(Clone)]
pub struct Caller {
    /// The key.
    pub key: Arc<str>,
    /// The request's id, for the audit.
    pub request_id: Arc<str>,
}

/// The sessions.
pub struct Pool {
    info: ConnInfo,
    limits: Limits,
    log: Arc<Log>,
    metrics: Arc<Metrics>,
    permits: Arc<Semaphore>,
    waiting: AtomicUsize,
    idle: Mutex<Vec<Session>>,
    /// Until when the database is taken to be away.
    away: Mutex<Option<(Instant, Failure)>>,
    home: Mutex<Option<Home>>,
    opened: AtomicU64,
}

/// Counts a request that waits, as long as it does.
struct Waiting<'a>(&'a AtomicUsize);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Pool {
    /// A pool without sessions: they are opened as requests come.
    pub fn new(info: ConnInfo, limits: Limits, log: Arc<Log>, metrics: Arc<Metrics>) -> Arc<Self> {
        Arc::new(Self {
            permits: Arc::new(Semaphore::new(limits.size)),
            waiting: AtomicUsize::new(0),
            idle: Mutex::new(Vec::with_capacity(limits.size)),
            away: Mutex::new(None),
            home: Mutex::new(None),
            opened: AtomicU64::new(0),
            info,
            limits,
            log,
            metrics,
        })
    }

    /// How many requests wait.
    pub fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    /// How many sessions work, and how many there may be.
    pub fn working(&self) -> (usize, usize) {
        (self.limits.size - self.permits.available_permits(), self.limits.size)
    }

    /// How many sessions have been opened since the start.
    pub fn opened(&self) -> u64 {
        self.opened.load(Ordering::Relaxed)
    }

    /// What the session that was opened last knows of the database.
    pub fn home(&self) -> Option<Home> {
        locked(&self.home).clone()
    }

    /// Waits for a turn.
    async fn turn(&self) -> Result<OwnedSemaphorePermit> {
        if let Ok(permit) = self.permits.clone().try_acquire_owned() {
            return Ok(permit);
        }
        if self.waiting.fetch_add(1, Ordering::Relaxed) >= self.limits.max_waiting {
            self.waiting.fetch_sub(1, Ordering::Relaxed);
            return Err(Failure::busy("too many requests wait for the database"));
        }
        let _waiting = Waiting(&self.waiting);
        match tokio::time::timeout(self.limits.max_wait, self.permits.clone().acquire_owned()).await {
            Ok(Ok(permit)) => Ok(permit),
            Ok(Err(_)) => Err(Failure::unavailable("the gateway is shutting down")),
            Err(_) => Err(Failure::busy("the database was busy with other requests for too long")),
        }
    }

    /// A session that can take a request.
    async fn session(&self) -> Result<Session> {
        loop {
            let Some(session) = locked(&self.idle).pop() else { break };
            if session.is_usable() && session.age() < self.limits.lifetime {
                return Ok(session);
            }
        }
        if let Some((until, failure)) = &*locked(&self.away)
            && Instant::now() < *until
        {
            return Err(failure.clone());
        }
        match Session::open(&self.info, self.limits.statement_timeout).await {
            Ok(session) => {
                self.opened.fetch_add(1, Ordering::Relaxed);
                *locked(&self.home) = Some(session.home().clone());
                if locked(&self.away).take().is_some() {
                    self.log.note("the database can be reached again");
                }
                Ok(session)
            }
            Err(error) => Err(self.not_opened(&error)),
        }
    }

    fn not_opened(&self, error: &LoginError) -> Failure {
        // Whatever it is, it is no fault of the caller's: a wrong password here is the gateway's own.
        let mut failure = Failure::unavailable("the database cannot be reached at the moment");
        let words = match error {
            LoginError::Refused(error) => {
                failure.sqlstate = Some(error.sqlstate);
                format!("{} ({})", error.message, error.state())
            }
            LoginError::Failed(error) => error.to_string(),
        };
        let mut away = locked(&self.away);
        if away.is_none() {
            self.log.warn(&format!("no session with {:?}: {words}", self.info));
        }
        *away = Some((Instant::now() + PAUSE, failure.clone()));
        failure
    }

    fn give_back(&self, session: Session) {
        if session.is_usable() {
            locked(&self.idle).push(session);
        }
    }

    /// Runs a transaction as the caller's key.
    ///
    /// # Errors
    /// What the database reports; 429 if too many wait, 503 if it cannot be reached.
    pub async fn run(self: &Arc<Self>, caller: &Caller, call: Call) -> Result<Answer> {
        let begin = Instant::now();
        let permit = self.turn().await?;
        self.metrics.waited(begin.elapsed());
        let (give, answer) = oneshot::channel();
        let (pool, caller) = (self.clone(), caller.clone());
        tokio::spawn(async move {
            pool.work(&caller, call, give).await;
            drop(permit);
        });
        answer
            .await
            .unwrap_or_else(|_| Err(Failure::internal("the transaction's task has ended without an answer")))
    }

    async fn work(&self, caller: &Caller, mut call: Call, mut give: oneshot::Sender<Result<Answer>>) {
        let mut session = match self.session().await {
            Ok(session) => session,
            Err(failure) => {
                let _ = give.send(Err(failure));
                return;
            }
        };
        let begin = Instant::now();
        let name = application(&caller.request_id);
        let canceller = session.canceller();
        let mut tries = 0;
        let result = loop {
            tries += 1;
            let mut is_cancelled = false;
            let result = {
                let transaction = session.transaction(&caller.key, &name, &mut call, self.limits.max_bytes);
                let mut transaction = std::pin::pin!(transaction);
                let mut end = std::pin::pin!(tokio::time::sleep(self.patience()));
                loop {
                    tokio::select! {
                        biased;
                        result = &mut transaction => break result,
                        () = give.closed(), if !is_cancelled => {
                            is_cancelled = true;
                            self.metrics.cancelled();
                            let _ = tokio::time::timeout(self.info.connect_timeout, canceller.cancel()).await;
                        }
                        () = &mut end => {
                            let error = io::Error::new(io::ErrorKind::TimedOut, "the database does not answer");
                            break Err(FlightError::Lost(error));
                        }
                    }
                }
            };
            if is_cancelled && !matches!(result, Err(FlightError::Lost(_))) {
                let _ = tokio::time::timeout(self.info.connect_timeout, session.settle()).await;
            }
            match result {
                // The server asks for it: nothing has come of the first.
                Err(FlightError::Server(error))
                    if error.may_be_run_again() && tries == 1 && !is_cancelled => {}
                result => break result,
            }
        };
        self.metrics.transaction(begin.elapsed());
        self.give_back(session);
        let _ = give.send(result.map_err(|error| self.failure(error)));
    }

    /// How long an answer is waited for. The server ends a statement in time, but a machine that is gone ends nothing.
    fn patience(&self) -> Duration {
        match self.limits.statement_timeout {
            Duration::ZERO => Duration::from_secs(24 * 3600),
            timeout => timeout + GRACE,
        }
    }

    fn failure(&self, error: FlightError) -> Failure {
        match error {
            FlightError::Server(error) => {
                let failure = error.failure();
                if matches!(failure.code, Code::Internal) {
                    self.log.warn(&format!("the database reports: {} ({})", error.message, error.state()));
                }
                failure
            }
            FlightError::TooLarge => {
                Failure::invalid(format!("the answer would have more than {} bytes", self.limits.max_bytes))
            }
            FlightError::Lost(error) => {
                self.log.warn(&format!("a session was lost: {error}"));
                Failure::unavailable("the connection to the database was lost")
            }
        }
    }

    /// Whether the database answers: asks it, unless all sessions are at work, which they could not be if it did not.
    ///
    /// # Errors
    /// What a request would be told.
    pub async fn is_ready(&self) -> Result<()> {
        let Ok(_permit) = self.permits.clone().try_acquire_owned() else { return Ok(()) };
        let mut session = self.session().await?;
        let settled = tokio::time::timeout(self.info.connect_timeout, session.settle()).await;
        if !matches!(settled, Ok(Ok(()))) {
            return Err(Failure::unavailable("the database does not answer"));
        }
        self.give_back(session);
        Ok(())
    }

    /// Ends: nobody gets a session any more, and those that are idle are closed.
    pub async fn close(&self) {
        self.permits.close();
        let idle = std::mem::take(&mut *locked(&self.idle));
        for session in idle {
            session.close().await;
        }
    }
}
