//! What a denial of AWS names: who was denied, what, and by which policy. AWS's text itself never reaches a user: it changes
//! from call to call. No I/O.

/// Taken from the text of a denial. What the text does not name is none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Denial {
    /// ARN of the role or user.
    pub principal: Option<String>,
    /// The denied IAM action, which may be another one than that of the call: `kms:DescribeKey`.
    pub action: Option<String>,
    /// ARN of the KMS key.
    pub key: Option<String>,
    /// The policy that denies, where it is not the policy of the role itself.
    pub by: Option<PolicyKind>,
}

/// A policy that holds besides the policy of the role.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PolicyKind {
    ServiceControlPolicy,
    ResourceControlPolicy,
    PermissionsBoundary,
    SessionPolicy,
    VpcEndpointPolicy,
    ResourcePolicy,
}

impl PolicyKind {
    const ALL: [Self; 6] = [
        Self::ServiceControlPolicy,
        Self::ResourceControlPolicy,
        Self::PermissionsBoundary,
        Self::SessionPolicy,
        Self::VpcEndpointPolicy,
        Self::ResourcePolicy,
    ];

    /// As AWS's documentation and its texts write it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::ServiceControlPolicy => "service control policy",
            Self::ResourceControlPolicy => "resource control policy",
            Self::PermissionsBoundary => "permissions boundary",
            Self::SessionPolicy => "session policy",
            Self::VpcEndpointPolicy => "VPC endpoint policy",
            Self::ResourcePolicy => "resource-based policy",
        }
    }
}

impl Denial {
    /// Reads texts such as `User: arn:aws:sts::123456789012:assumed-role/reader/session is not authorized to perform:
    /// kms:DescribeKey on resource: arn:aws:kms:… because no permissions boundary allows the kms:DescribeKey action`.
    pub(super) fn parse(text: &str) -> Self {
        let words =
            || text.split_whitespace().map(|word| word.trim_matches(['.', ',', ';', '"', '\'', '(', ')']));
        let after = |marker: &str| text.split_once(marker).map(|(_, rest)| rest.trim_start());
        let first =
            |rest: &str| rest.split_whitespace().next().unwrap_or_default().trim_end_matches('.').to_owned();
        let lower = text.to_ascii_lowercase();
        let action = after("to perform: ").map(first).filter(|action| is_action(action));
        let assumes = action.as_deref().is_some_and(|action| action.starts_with("sts:AssumeRole"));
        // Where a role cannot be assumed, it is the role that the user has to look at, not who asked for it.
        let role = assumes.then(|| words().find(|word| is_arn(word, "iam", "role/"))).flatten();
        let caller = after("User: ").map(first).as_deref().and_then(principal);
        Self {
            principal: role.map(ToOwned::to_owned).or(caller),
            action,
            key: words().find(|word| is_arn(word, "kms", "key/")).map(ToOwned::to_owned),
            by: PolicyKind::ALL.into_iter().find(|kind| lower.contains(&kind.name().to_ascii_lowercase())),
        }
    }
}

/// The ARN of the role of a session, or of the user; none for anything else.
pub(super) fn principal(arn: &str) -> Option<String> {
    let [partition, service, account, resource] = parts(arn)?;
    let role = resource.strip_prefix("assumed-role/").and_then(|session| session.split('/').next());
    match role {
        Some(role) if service == "sts" => Some(format!("arn:{partition}:iam::{account}:role/{role}")),
        _ => (service == "iam").then(|| arn.to_owned()),
    }
}

fn is_arn(word: &str, service: &str, resource: &str) -> bool {
    parts(word).is_some_and(|[_, of, _, rest]| of == service && rest.starts_with(resource))
}

/// Partition, service, account and resource of a well-formed ARN.
fn parts(arn: &str) -> Option<[&str; 4]> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "+=,.@_-/:".contains(c);
    let mut parts = arn.splitn(6, ':');
    let (prefix, partition, service) = (parts.next()?, parts.next()?, parts.next()?);
    let (_region, account, resource) = (parts.next()?, parts.next()?, parts.next()?);
    let well_formed =
        prefix == "arn" && partition.starts_with("aws") && arn.len() <= 512 && arn.chars().all(allowed);
    (well_formed && !resource.is_empty()).then_some([partition, service, account, resource])
}

fn is_action(text: &str) -> bool {
    text.split_once(':').is_some_and(|(service, name)| {
        let is_word =
            |word: &str| !word.is_empty() && word.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
        is_word(service) && is_word(name) && text.len() <= 128
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const USER: &str = "User: arn:aws:sts::123456789012:assumed-role/store-operator/session-1 is not authorized to \
                        perform: ";
    const ROLE: &str = "arn:aws:iam::123456789012:role/store-operator";
    const KEY: &str = "arn:aws:kms:us-east-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab";

    #[test]
    fn the_role_the_action_and_the_key_are_taken_from_the_text() {
        let text = format!(
            "{USER}kms:DescribeKey on resource: {KEY} because no identity-based policy allows the kms:DescribeKey action"
        );
        let denial = Denial::parse(&text);
        assert_eq!(denial.principal.as_deref(), Some(ROLE));
        assert_eq!(denial.action.as_deref(), Some("kms:DescribeKey"));
        assert_eq!((denial.key.as_deref(), denial.by), (Some(KEY), None));
    }

    #[test]
    fn the_policy_that_denies_is_taken_from_the_text() {
        for (rest, by) in [
            ("with an explicit deny in a service control policy", PolicyKind::ServiceControlPolicy),
            ("with an explicit deny in a resource control policy", PolicyKind::ResourceControlPolicy),
            ("because no permissions boundary allows the action", PolicyKind::PermissionsBoundary),
            ("because no session policy allows the action", PolicyKind::SessionPolicy),
            ("because no VPC endpoint policy allows the action", PolicyKind::VpcEndpointPolicy),
            ("because no resource-based policy allows the action", PolicyKind::ResourcePolicy),
        ] {
            assert_eq!(Denial::parse(&format!("{USER}omics:GetSequenceStore {rest}")).by, Some(by));
        }
    }

    #[test]
    fn a_role_that_may_not_be_assumed_is_named_rather_than_who_asks() {
        let text = format!("{USER}sts:AssumeRole on resource: arn:aws:iam::210987654321:role/team/target");
        let principal = Denial::parse(&text).principal;
        assert_eq!(principal.as_deref(), Some("arn:aws:iam::210987654321:role/team/target"));
    }

    #[test]
    fn a_text_of_another_form_names_nothing() {
        for text in
            ["", "Access Denied", "User: x is not authorized to perform: everything", "User: arn:aws:sts::1"]
        {
            assert_eq!(Denial::parse(text), Denial::default(), "{text}");
        }
        assert_eq!(
            principal("arn:aws:iam::123456789012:user/person").as_deref(),
            Some("arn:aws:iam::123456789012:user/person")
        );
    }
}
