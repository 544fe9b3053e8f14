//! ARNs of sequence stores. No I/O.

use crate::crd::is_store_id;

/// The parts of `arn:{partition}:omics:{region}:{account}:sequenceStore/{id}`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoreArn<'a> {
    /// AWS region.
    pub region: &'a str,
    /// AWS account, 12 digits.
    pub account: &'a str,
    /// Id of the store, 10 to 36 digits.
    pub id: &'a str,
}

impl<'a> StoreArn<'a> {
    /// Reads an ARN; nothing but a well-formed ARN of a sequence store passes.
    #[must_use]
    pub fn parse(arn: &'a str) -> Option<Self> {
        let mut parts = arn.splitn(6, ':');
        let (prefix, partition, service) = (parts.next()?, parts.next()?, parts.next()?);
        let (region, account, resource) = (parts.next()?, parts.next()?, parts.next()?);
        let id = resource.strip_prefix("sequenceStore/")?;
        let well_formed = prefix == "arn"
            && partition.starts_with("aws")
            && service == "omics"
            && !region.is_empty()
            && account.len() == 12
            && account.bytes().all(|byte| byte.is_ascii_digit())
            && is_store_id(id);
        well_formed.then_some(Self { region, account, id })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_parts_of_a_store_arn() {
        let arn = StoreArn::parse("arn:aws:omics:us-west-2:123456789012:sequenceStore/3936421177");
        assert_eq!(arn, Some(StoreArn { region: "us-west-2", account: "123456789012", id: "3936421177" }));
    }

    #[test]
    fn refuses_everything_else() {
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
