//! The AWS operations that the operator calls, and their IAM actions. No I/O.

/// One table for everything that must name each operation.
macro_rules! operations {
    ($($operation:ident => $iam_action:literal,)+) => {
        /// An AWS operation that the operator calls.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Operation {
            $(#[doc = concat!("`", $iam_action, "`")] $operation,)+
        }

        impl Operation {
            /// Every operation that the operator calls.
            pub const ALL: [Self; [$($iam_action),+].len()] = [$(Self::$operation),+];

            /// The name of the operation in the service model.
            #[must_use]
            pub(crate) fn name(self) -> &'static str {
                match self {
                    $(Self::$operation => stringify!($operation),)+
                }
            }

            /// The IAM action that allows this operation.
            #[must_use]
            pub fn iam_action(self) -> &'static str {
                match self {
                    $(Self::$operation => $iam_action,)+
                }
            }
        }
    };
}

operations! {
    GetSequenceStore => "omics:GetSequenceStore",
    ListTagsForResource => "omics:ListTagsForResource",
    DeleteSequenceStore => "omics:DeleteSequenceStore",
    ListReadSets => "omics:ListReadSets",
    ListSequenceStores => "omics:ListSequenceStores",
    CreateSequenceStore => "omics:CreateSequenceStore",
    UpdateSequenceStore => "omics:UpdateSequenceStore",
    TagResource => "omics:TagResource",
    UntagResource => "omics:UntagResource",
    GetS3AccessPolicy => "omics:GetS3AccessPolicy",
    PutS3AccessPolicy => "omics:PutS3AccessPolicy",
    DeleteS3AccessPolicy => "omics:DeleteS3AccessPolicy",
    GetCallerIdentity => "sts:GetCallerIdentity",
    AssumeRole => "sts:AssumeRole",
}

impl Operation {
    /// The service that has the operation, as the SDK names it.
    #[must_use]
    pub(super) fn service(self) -> &'static str {
        match self {
            Self::GetCallerIdentity | Self::AssumeRole => "STS",
            _ => "Omics",
        }
    }

    /// Whether the operation can change something in AWS.
    #[must_use]
    pub fn is_mutating(self) -> bool {
        match self {
            Self::GetSequenceStore
            | Self::ListTagsForResource
            | Self::ListReadSets
            | Self::ListSequenceStores
            | Self::GetS3AccessPolicy
            | Self::GetCallerIdentity
            | Self::AssumeRole => false,
            Self::DeleteSequenceStore
            | Self::CreateSequenceStore
            | Self::UpdateSequenceStore
            | Self::TagResource
            | Self::UntagResource
            | Self::PutS3AccessPolicy
            | Self::DeleteS3AccessPolicy => true,
        }
    }

    /// The environment variable that sets another endpoint for this operation.
    #[must_use]
    pub fn endpoint_variable(self) -> &'static str {
        match self {
            Self::GetCallerIdentity | Self::AssumeRole => "AWS_ENDPOINT_URL_STS",
            _ => "AWS_ENDPOINT_URL_OMICS",
        }
    }
}
