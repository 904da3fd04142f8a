//! The beginning of a session: who logs in, and by what password.

use super::conninfo::ConnInfo;
use super::server_error::ServerError;
use super::stream::Stream;
use bytes::BytesMut;
use fallible_iterator::FallibleIterator;
use postgres_protocol::authentication::md5_hash;
use postgres_protocol::authentication::sasl::{ChannelBinding, SCRAM_SHA_256, ScramSha256};
use postgres_protocol::message::backend::Message;
use postgres_protocol::message::frontend;
use std::io;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// The name that sessions have between requests.
pub const APPLICATION: &str = "conifer-gateway";

/// Why a session did not begin.
#[derive(Debug)]
pub enum LoginError {
    /// The server refused.
    Refused(ServerError),
    /// The connection failed, or the server asks for what is not known here.
    Failed(io::Error),
}

impl From<io::Error> for LoginError {
    fn from(error: io::Error) -> Self {
        Self::Failed(error)
    }
}

fn failed(message: &str) -> LoginError {
    LoginError::Failed(io::Error::other(message.to_owned()))
}

/// What identifies the session to those who would cancel its statement.
#[derive(Debug, Clone, Copy, Default)]
pub struct BackendKey {
    /// The process.
    pub process: i32,
    /// The secret.
    pub secret: i32,
}

async fn receive(stream: &mut Stream, read: &mut BytesMut) -> Result<Message, LoginError> {
    loop {
        if let Some(message) = Message::parse(read)? {
            match message {
                Message::ErrorResponse(body) => {
                    return Err(LoginError::Refused(error_of(&body)));
                }
                Message::NoticeResponse(_) | Message::ParameterStatus(_) => continue,
                message => return Ok(message),
            }
        }
        if stream.read_buf(read).await? == 0 {
            return Err(failed("the server has closed the connection"));
        }
    }
}

fn error_of(body: &postgres_protocol::message::backend::ErrorResponseBody) -> ServerError {
    let mut bytes = vec![];
    let mut fields = body.fields();
    while let Ok(Some(field)) = fields.next() {
        bytes.push(field.type_());
        bytes.extend_from_slice(field.value_bytes());
        bytes.push(0);
    }
    ServerError::parse(&bytes)
}

/// Logs in.
///
/// # Errors
/// If the server refuses, or asks for a way that is not known here.
pub async fn log_in(stream: &mut Stream, info: &ConnInfo) -> Result<BackendKey, LoginError> {
    let (mut out, mut read) = (BytesMut::new(), BytesMut::with_capacity(4096));
    let parameters = [
        ("user", info.user.as_str()),
        ("database", info.dbname.as_str()),
        ("client_encoding", "UTF8"),
        ("application_name", APPLICATION),
    ];
    frontend::startup_message(parameters, &mut out)?;
    stream.write_all(&out).await?;
    let password =
        || info.password.as_deref().ok_or_else(|| failed("the server asks for a password, and none is set"));
    let mut key = BackendKey::default();
    loop {
        out.clear();
        match receive(stream, &mut read).await? {
            Message::AuthenticationOk => {}
            Message::AuthenticationCleartextPassword if stream.is_private() => {
                frontend::password_message(password()?.as_bytes(), &mut out)?;
            }
            Message::AuthenticationCleartextPassword => {
                return Err(failed(
                    "the server asks for the password in clear on a connection that is not encrypted",
                ));
            }
            Message::AuthenticationMd5Password(body) => {
                let hash = md5_hash(info.user.as_bytes(), password()?.as_bytes(), body.salt());
                frontend::password_message(hash.as_bytes(), &mut out)?;
            }
            Message::AuthenticationSasl(body) => {
                if !body.mechanisms().any(|mechanism| Ok(mechanism == SCRAM_SHA_256))? {
                    return Err(failed("the server asks for a way to log in that is not known here"));
                }
                scram(stream, &mut read, password()?).await?;
            }
            Message::BackendKeyData(body) => {
                key = BackendKey { process: body.process_id(), secret: body.secret_key() };
            }
            Message::ReadyForQuery(_) => return Ok(key),
            _ => return Err(failed("the server asks for a way to log in that is not known here")),
        }
        if !out.is_empty() {
            stream.write_all(&out).await?;
        }
    }
}

async fn scram(stream: &mut Stream, read: &mut BytesMut, password: &str) -> Result<(), LoginError> {
    let mut out = BytesMut::new();
    let mut exchange = ScramSha256::new(password.as_bytes(), ChannelBinding::unsupported());
    frontend::sasl_initial_response(SCRAM_SHA_256, exchange.message(), &mut out)?;
    stream.write_all(&out).await?;
    let Message::AuthenticationSaslContinue(body) = receive(stream, read).await? else {
        return Err(failed("the server does not go on with SCRAM"));
    };
    exchange.update(body.data())?;
    out.clear();
    frontend::sasl_response(exchange.message(), &mut out)?;
    stream.write_all(&out).await?;
    let Message::AuthenticationSaslFinal(body) = receive(stream, read).await? else {
        return Err(failed("the server does not end SCRAM"));
    };
    // By this the server shows that it knows the password as well.
    exchange.finish(body.data())?;
    Ok(())
}
