//! ARNs of sequence stores. No I/O.

use crate::crd::{is_account_id, is_store_id};

/// The parts of `arn:{partition}:omics:{region}:{account}:sequenceStore/{id}`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct StoreArn<'a> {
    pub(crate) region: &'a str,
    /// 12 digits.
    pub(crate) account: &'a str,
    /// 10 to 36 digits.
    pub(crate) id: &'a str,
}

impl<'a> StoreArn<'a> {
    /// None for anything but a well-formed ARN of a sequence store.
    #[must_use]
    pub(crate) fn parse(arn: &'a str) -> Option<Self> {
        let mut parts = arn.splitn(6, ':');
        let (prefix, partition, service) = (parts.next()?, parts.next()?, parts.next()?);
        let (region, account, resource) = (parts.next()?, parts.next()?, parts.next()?);
        let id = resource.strip_prefix("sequenceStore/")?;
        let well_formed = prefix == "arn"
            && partition.starts_with("aws")
            && service == "omics"
            && !region.is_empty()
            && is_account_id(account)
            && is_store_id(id);
        well_formed.then_some(Self { region, account, id })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_of_a_store_arn_are_read() {
        let arn = StoreArn::parse("arn:aws:omics:us-west-2:123456789012:sequenceStore/3936421177");
        assert_eq!(arn, Some(StoreArn { region: "us-west-2", account: "123456789012", id: "3936421177" }));
    }

    #[test]
    fn everything_else_is_refused() {
        for text in [
            "",
            "arn:aws:omics:us-west-2:123456789012:sequenceStore/",
            "arn:aws:omics:us-west-2:123456789012:sequenceStore/3936421177/readSet/1234567890",
            "arn:aws:omics:us-west-2::sequenceStore/3936421177",
            "arn:aws:s3:us-west-2:123456789012:sequenceStore/3936421177",
            "arn:aws:omics:us-west-2:123456789012:referenceStore/3936421177",
        ] {
            assert_eq!(StoreArn::parse(text), None, "{text}");
        }
    }
}
