//! Generates keys and tokens, writes and reads kubeconfig files.

use std::fs;
use std::path::Path;

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use kube::config::{KubeConfigOptions, Kubeconfig};
use pem::Pem;
use serde_json::json;

use crate::Error;

/// Writes the key pair with which kube-apiserver signs and verifies ServiceAccount tokens.
pub(crate) fn write_service_account_keys(private: &Path, public: &Path) -> Result<(), Error> {
    let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).map_err(|_| Error::Key)?;
    let private_der = pair.to_pkcs8v1().map_err(|_| Error::Key)?;
    let public_der = pair.public_key().as_der().map_err(|_| Error::Key)?;
    write(private, &pem::encode(&Pem::new("PRIVATE KEY", private_der.as_ref())))?;
    write(public, &pem::encode(&Pem::new("PUBLIC KEY", public_der.as_ref())))
}

pub(crate) fn random_token() -> Result<String, Error> {
    let mut bytes = [0; 24];
    SystemRandom::new().fill(&mut bytes).map_err(|_| Error::Key)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

pub(crate) fn write_kubeconfig(
    path: &Path,
    server: &str,
    authority: &Path,
    user: &str,
    token: &str,
) -> Result<(), Error> {
    // JSON is YAML.
    let kubeconfig = json!({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "local", "cluster": {"server": server, "certificate-authority": authority}}],
        "users": [{"name": user, "user": {"token": token}}],
        "contexts": [{"name": "local", "context": {"cluster": "local", "user": user}}],
        "current-context": "local",
    });
    write(path, &format!("{kubeconfig:#}\n"))
}

/// Reads a client configuration from a kubeconfig and disables proxies.
pub(crate) async fn configuration(path: &Path) -> Result<kube::Config, Error> {
    let failed = |source| Error::Kubeconfig { path: path.to_owned(), source: Box::new(source) };
    let kubeconfig = Kubeconfig::read_from(path).map_err(failed)?;
    let mut config = kube::Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default())
        .await
        .map_err(failed)?;
    // A proxy set in the environment cannot reach the loopback interface of this machine.
    config.proxy_url = None;
    Ok(config)
}

pub(crate) fn write(path: &Path, text: &str) -> Result<(), Error> {
    fs::write(path, text).map_err(Error::io(format!("could not write {}", path.display())))
}
