//! A TLS front for a plain server: it ends TLS with a certificate of its own making and hands the
//! bytes on, so that the demo API is an HTTPS server for a test.

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::aws_lc_rs::default_provider;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

/// Listens on a port of its own until it is dropped.
pub struct TlsFront {
    address: SocketAddr,
    authority: String,
    protocols: Arc<Mutex<Vec<String>>>,
    _runtime: tokio::runtime::Runtime,
}

impl TlsFront {
    /// `upstream` is `host:port`; `offers` are the protocols of ALPN, such as `h2`; the certificate
    /// speaks for `name`.
    pub fn start(upstream: &str, offers: &[&str], name: &str) -> Self {
        let (authority, config) = identity(offers, name);
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).expect("a port");
        let address = listener.local_addr().expect("an address");
        let protocols: Arc<Mutex<Vec<String>>> = Arc::default();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let (log, upstream) = (protocols.clone(), upstream.to_owned());
        runtime.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(acceptor.clone(), stream, upstream.clone(), log.clone()));
            }
        });
        Self { address, authority, protocols, _runtime: runtime }
    }

    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// The authority that signed the server's certificate, in PEM.
    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// The protocol that each finished handshake agreed on; `none` where the client asked for nothing.
    pub fn protocols(&self) -> Vec<String> {
        self.protocols.lock().expect("not poisoned").clone()
    }
}

async fn serve(acceptor: TlsAcceptor, stream: TcpStream, upstream: String, log: Arc<Mutex<Vec<String>>>) {
    // A client that does not trust the certificate ends the handshake.
    let Ok(mut stream) = acceptor.accept(stream).await else { return };
    let agreed = stream.get_ref().1.alpn_protocol().map(String::from_utf8_lossy).unwrap_or("none".into()).into_owned();
    log.lock().expect("not poisoned").push(agreed);
    if let Ok(mut plain) = TcpStream::connect(upstream).await {
        let _ = copy_bidirectional(&mut stream, &mut plain).await;
    }
}

/// A new authority, and a server configuration with a certificate that it signed.
fn identity(offers: &[&str], name: &str) -> (String, ServerConfig) {
    let key = KeyPair::generate().expect("a key");
    let mut params = CertificateParams::new(Vec::new()).expect("parameters");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = params.self_signed(&key).expect("an authority").pem();
    let issuer = Issuer::new(params, key);
    let server_key = KeyPair::generate().expect("a key");
    let params = CertificateParams::new(vec![name.to_owned()]).expect("parameters");
    let certificate = params.signed_by(&server_key, &issuer).expect("a certificate");
    let mut config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .expect("the provider knows TLS 1.2 and 1.3")
        .with_no_client_auth()
        .with_single_cert(
            vec![certificate.der().clone()],
            PrivateKeyDer::try_from(server_key.serialize_der()).expect("a private key"),
        )
        .expect("the certificate fits its key");
    config.alpn_protocols = offers.iter().map(|offer| offer.as_bytes().to_vec()).collect();
    (authority, config)
}
