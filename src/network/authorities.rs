//! Certificate authorities that are trusted besides those of the system: `AWS_CA_BUNDLE` and `SSL_CERT_FILE`. I/O: reads the
//! environment and files.

use std::path::Path;

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

/// Certificates in PEM, each checked to be usable.
pub(crate) type Certificates = Vec<String>;

/// Where systems keep their authorities. `SSL_CERT_FILE` replaces them for the TLS library; here it adds to them.
const OF_THE_SYSTEM: [&str; 3] =
    ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem"];

const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
const END: &str = "-----END CERTIFICATE-----";

/// The certificates of `AWS_CA_BUNDLE`; and, where `SSL_CERT_FILE` is set, those of the system, which the TLS library then
/// leaves out.
///
/// # Errors
/// A file that holds no usable certificate, with the variable that names it.
pub(crate) fn added_certificates() -> Result<Certificates, String> {
    let file = |name: &str| std::env::var(name).ok().filter(|file| !file.is_empty());
    let mut certificates = Certificates::new();
    if let Some(bundle) = file("AWS_CA_BUNDLE") {
        certificates.extend(read("AWS_CA_BUNDLE", &bundle)?);
    }
    if let Some(bundle) = file("SSL_CERT_FILE") {
        // The TLS library reads the file itself, and says nothing that a user would see if it cannot.
        read("SSL_CERT_FILE", &bundle)?;
        let system = OF_THE_SYSTEM.iter().find(|path| Path::new(path).is_file());
        if let Some(system) = system.filter(|path| **path != bundle) {
            certificates
                .extend(std::fs::read_to_string(system).map(|text| usable(&text)).unwrap_or_default());
        }
    }
    Ok(certificates)
}

fn read(variable: &str, file: &str) -> Result<Certificates, String> {
    let text = std::fs::read_to_string(file)
        .map_err(|error| format!("cannot read {file}, which {variable} names: {error}"))?;
    let found = usable(&text);
    match found.is_empty() {
        true => Err(format!(
            "{file}, which {variable} names, holds no certificate in PEM: write the certificates of the authorities \
             into it, each between BEGIN CERTIFICATE and END CERTIFICATE"
        )),
        false => Ok(found),
    }
}

/// Every certificate that TLS can use. Bundles of systems hold others too.
fn usable(text: &str) -> Certificates {
    let blocks = text.split(BEGIN).skip(1).filter_map(|rest| rest.split_once(END)).map(|(inner, _)| inner);
    let blocks = blocks.map(|inner| format!("{BEGIN}{inner}{END}\n"));
    blocks.filter(|block| is_usable(block)).collect()
}

fn is_usable(block: &str) -> bool {
    CertificateDer::from_pem_slice(block.as_bytes())
        .is_ok_and(|certificate| RootCertStore::empty().add(certificate).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_certificate_is_left_out() {
        for text in
            ["", "text", &format!("{BEGIN}\nnot base64!\n{END}\n"), &format!("{BEGIN}\nAAAA\n{END}\n"), BEGIN]
        {
            assert!(usable(text).is_empty(), "{text}");
        }
    }

    #[test]
    fn a_file_without_certificates_is_named_with_its_variable() {
        let error = read("AWS_CA_BUNDLE", "/nowhere/bundle.pem").expect_err("no file");
        assert!(error.contains("/nowhere/bundle.pem") && error.contains("AWS_CA_BUNDLE"), "{error}");
    }
}
