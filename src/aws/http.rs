//! The HTTP client of all SDK clients, and of what else the process sends over HTTP: one for direct connections and one for each
//! proxy, all with the added certificate authorities. I/O: whatever is sent.

use std::sync::Arc;

use aws_sdk_omics::config::http::HttpRequest;
use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{self, TlsContext, TrustStore};
use aws_smithy_http_client::{Builder, Connector, ConnectorBuilder};
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
    SharedHttpConnector,
};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use http::Uri;

use crate::network::{Certificates, Proxies};

/// For the SDK.
///
/// # Errors
/// A proxy or certificates that the SDK does not accept.
pub(super) fn client(proxies: Proxies, certificates: &Certificates) -> Result<SharedHttpClient, String> {
    let (direct, proxied) = routes(&proxies, certificates, connections)?;
    Ok(SharedHttpClient::new(RoutedClient { direct, proxied, proxies: Arc::new(proxies) }))
}

/// For requests that are not to AWS.
///
/// # Errors
/// A proxy or certificates that the SDK does not accept.
pub(crate) fn connector(
    proxies: Proxies,
    certificates: &Certificates,
) -> Result<SharedHttpConnector, String> {
    let connector = |tls, proxy| SharedHttpConnector::new(build(Connector::builder(), tls, proxy));
    let (direct, proxied) = routes(&proxies, certificates, connector)?;
    Ok(SharedHttpConnector::new(RoutedConnector { direct, proxied, proxies: Arc::new(proxies) }))
}

/// What `make` makes for direct connections, and for each proxy.
fn routes<T>(
    proxies: &Proxies,
    certificates: &Certificates,
    make: impl Fn(TlsContext, Option<ProxyConfig>) -> T,
) -> Result<(T, Vec<(Uri, T)>), String> {
    let mut trusted = TrustStore::default();
    for certificate in certificates {
        trusted.add_pem_certificate(certificate.as_bytes());
    }
    let tls = TlsContext::builder().with_trust_store(trusted).build().map_err(|e| e.to_string())?;
    let mut proxied = Vec::new();
    for proxy in proxies.all() {
        // Which request goes through it is decided here, not by the SDK: it knows no ports, and no local addresses.
        let config = ProxyConfig::all(proxy.to_string()).map_err(|_| "the SDK does not accept the proxy")?;
        proxied.push((proxy.clone(), make(tls.clone(), Some(config))));
    }
    Ok((make(tls, None), proxied))
}

fn build(mut connector: ConnectorBuilder, tls: TlsContext, proxy: Option<ProxyConfig>) -> Connector {
    connector.set_proxy_config(proxy);
    connector.tls_provider(tls::Provider::Rustls(CryptoMode::AwsLc)).tls_context(tls).build()
}

/// A pool of connections that all go the same way.
fn connections(tls: TlsContext, proxy: Option<ProxyConfig>) -> SharedHttpClient {
    Builder::new().build_with_connector_fn(move |settings, components| {
        let mut connector = Connector::builder();
        connector.set_connector_settings(settings.cloned());
        if let Some(components) = components {
            connector.set_sleep_impl(components.sleep_impl());
        }
        build(connector, tls.clone(), proxy.clone())
    })
}

/// Chooses the pool for each request.
#[derive(Debug)]
struct RoutedClient {
    direct: SharedHttpClient,
    proxied: Vec<(Uri, SharedHttpClient)>,
    proxies: Arc<Proxies>,
}

impl HttpClient for RoutedClient {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        let connector = |client: &SharedHttpClient| client.http_connector(settings, components);
        SharedHttpConnector::new(RoutedConnector {
            direct: connector(&self.direct),
            proxied: self.proxied.iter().map(|(proxy, client)| (proxy.clone(), connector(client))).collect(),
            proxies: self.proxies.clone(),
        })
    }
}

#[derive(Debug)]
struct RoutedConnector {
    direct: SharedHttpConnector,
    proxied: Vec<(Uri, SharedHttpConnector)>,
    proxies: Arc<Proxies>,
}

impl HttpConnector for RoutedConnector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let destination = request.uri().parse::<Uri>().ok();
        let proxy = destination.as_ref().and_then(|destination| self.proxies.to(destination));
        let connector = proxy.and_then(|proxy| self.proxied.iter().find(|(uri, _)| uri == proxy));
        connector.map_or(&self.direct, |(_, connector)| connector).call(request)
    }
}
