"""An S3 access policy as a lab would write it."""

import json


def policy_document(store):
    """Lets the account of the store read one sample of it. `store` is a response to GetSequenceStore that shows its access point."""
    account = store["arn"].split(":")[4]
    access_point = store["s3Access"]["s3AccessPointArn"]
    statement = {
        "Sid": "Read",
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:aws:iam::{account}:root"},
        "Action": ["s3:GetObject", "s3:GetObjectTagging"],
        "Resource": f"{access_point}/object/{account}/sequenceStore/{store['id']}/*",
        "Condition": {"StringEquals": {"s3:ExistingObjectTag/omics:sampleId": "one"}},
    }
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})
