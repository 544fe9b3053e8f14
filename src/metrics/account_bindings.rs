//! AccountBindings by the reason of their condition Ready, at the moment when somebody asks. No I/O.

use std::collections::BTreeMap;
use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;

use super::family::{Read, gauges};

/// One AccountBinding.
#[derive(Clone, Debug)]
pub(crate) struct AccountBindingSample {
    pub(crate) name: String,
    pub(crate) is_ready: bool,
    /// That of `Ready`; empty before the first look. Only the operator's own: anybody who may write a status can invent others.
    pub(crate) reason: &'static str,
}

#[derive(Debug)]
pub(super) struct AccountBindingSeries {
    pub(super) read: Read<Vec<AccountBindingSample>>,
    /// Besides the sums, series for each binding.
    pub(super) one_by_one: bool,
}

impl Collector for AccountBindingSeries {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let bindings = self.read.now();
        let mut sums: BTreeMap<(&str, &str), u32> = BTreeMap::new();
        for binding in &bindings {
            let status = if binding.is_ready { "True" } else { "False" };
            *sums.entry((status, binding.reason)).or_default() += 1;
        }
        gauges(
            &mut encoder,
            (
                "sequencestore_account_bindings",
                "AccountBindings by status and reason of their condition Ready. One that the operator has not looked at yet \
                 counts as False, with no reason.",
            ),
            sums.into_iter()
                .map(|((status, reason), count)| ([("status", status), ("reason", reason)], count)),
        )?;
        if !self.one_by_one {
            return Ok(());
        }
        gauges(
            &mut encoder,
            (
                "sequencestore_account_binding_ready",
                "Whether the condition Ready of the AccountBinding is True: 1 or 0.",
            ),
            bindings.iter().map(|one| ([("name", one.name.as_str())], u32::from(one.is_ready))),
        )
    }
}
