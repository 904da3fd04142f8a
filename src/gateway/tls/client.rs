//! TLS towards the database, with the meanings that libpq gives `sslmode`.

use crate::database::conninfo::{ConnInfo, SslMode};
use std::io;
use std::path::Path;
use std::sync::Arc;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::client::WebPkiServerVerifier;
use tokio_rustls::rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use tokio_rustls::rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_rustls::rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
};

/// The machine's own certificates, where Debian and most others have them.
const SYSTEM_ROOTS: &str = "/etc/ssl/certs/ca-certificates.crt";

/// Encrypts a connection to `host`.
///
/// # Errors
/// If the server is not who `sslmode` wants it to be.
pub async fn connect(info: &ConnInfo, host: &str, tcp: TcpStream) -> io::Result<TlsStream<TcpStream>> {
    let provider = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?;
    let checks = match (info.sslmode, &info.sslrootcert) {
        (SslMode::VerifyFull, Some(file)) => Checks::Name(verifier(file, &provider)?),
        (SslMode::VerifyCa, Some(file)) => Checks::Signer(verifier(file, &provider)?),
        _ => Checks::Nothing,
    };
    let verifier = Arc::new(Verifier { checks, provider });
    let config = builder.dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth();
    let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
    TlsConnector::from(Arc::new(config)).connect(name, tcp).await
}

fn verifier(file: &Path, provider: &Arc<CryptoProvider>) -> io::Result<Arc<WebPkiServerVerifier>> {
    let file = if file == Path::new("system") { Path::new(SYSTEM_ROOTS) } else { file };
    let mut roots = RootCertStore::empty();
    let unreadable = |error: &dyn std::fmt::Display| io::Error::other(format!("{}: {error}", file.display()));
    for certificate in CertificateDer::pem_file_iter(file).map_err(|error| unreadable(&error))? {
        // Of the machine's own, some may be of kinds that are no longer taken.
        let _ = roots.add(certificate.map_err(|error| unreadable(&error))?);
    }
    WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider.clone())
        .build()
        .map_err(|error| unreadable(&error))
}

#[derive(Debug)]
enum Checks {
    /// `require`: that it is encrypted.
    Nothing,
    /// `verify-ca`: who has signed the certificate.
    Signer(Arc<WebPkiServerVerifier>),
    /// `verify-full`: and whom it is for.
    Name(Arc<WebPkiServerVerifier>),
}

#[derive(Debug)]
struct Verifier {
    checks: Checks,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let (verifier, is_full) = match &self.checks {
            Checks::Nothing => return Ok(ServerCertVerified::assertion()),
            Checks::Signer(verifier) => (verifier, false),
            Checks::Name(verifier) => (verifier, true),
        };
        let verdict = verifier.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now);
        match verdict {
            // The name is looked at last, when all else is as it should be.
            Err(Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) if !is_full => Ok(ServerCertVerified::assertion()),
            verdict => verdict,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
