//! What others publish about their controllers. No I/O.

use super::table::Table;

/// What, figure, source.
const FIGURES: [[&str; 3]; 4] = [
    [
        "ACK controllers, requests and limits of the generated chart",
        "64 MiB and 50 thousandths of a core; at most 128 MiB and 100 thousandths",
        "[code-generator, values.yaml.tpl](https://github.com/aws-controllers-k8s/code-generator)",
    ],
    [
        "Crossplane provider for AWS with 10,000 objects, polled every 10 minutes, 8 vCPU",
        "memory 775 MiB on average, 1,186 MiB at most; CPU 15 % on average",
        "[upjet 1.0.0, release notes](https://github.com/crossplane/upjet/releases/tag/v1.0.0)",
    ],
    [
        "controller-runtime, cache of 200,000 objects",
        "16.3 KiB for each object; 14.2 without managedFields; 5.5 to 6.3 trimmed",
        "[openkruise/agents#724](https://github.com/openkruise/agents/pull/724)",
    ],
    [
        "kube-rs, controller for 2,000 objects, 0.91 to 0.92",
        "45 MB to 23 MB (pages of 50) or 20 MB (pages of 20)",
        "[kube-rs/kube#1525](https://github.com/kube-rs/kube/pull/1525)",
    ],
];

pub fn section() -> String {
    let mut table = Table::of_words(&["what", "figure", "source"]);
    for figure in FIGURES {
        table.row(figure.map(ToOwned::to_owned));
    }
    format!(
        "## Published figures of others\n\n**Not measured here**, on other machines and with other resources: they say what is \
         usual, not who is faster.\n\n{}",
        table.text()
    )
}
