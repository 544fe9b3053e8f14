//! Which program this is. No I/O.

use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

pub(super) fn register(registry: &mut Registry) {
    let labels = [
        ("version", env!("CARGO_PKG_VERSION")),
        ("revision", option_env!("SEQSTORE_REVISION").unwrap_or("unknown")),
        ("rustc_version", env!("SEQSTORE_RUSTC_VERSION")),
    ];
    let info: Family<[(&str, &str); 3], Gauge> = Family::default();
    info.get_or_create_owned(&labels).set(1);
    registry.register(
        "sequencestore_build_info",
        "Version of the operator, the commit that it was built from and the compiler that built it; always 1",
        info,
    );
}
