//! IAM documents in the pages: JSON that can be read, and the policy that the program prints. I/O: reads files of the repository,
//! and runs the program.

use std::process::Command;

use serde_json::Value;

use crate::pages::{Block, blocks, blocks_in};

const PAGE: &str = "docs/iam.md";

#[test]
fn every_json_block_can_be_read() {
    let blocks = blocks_in("json");
    assert!(blocks.len() >= 4, "only {} blocks are found", blocks.len());
    for block in blocks {
        parsed(&block);
    }
}

#[test]
fn the_policy_on_the_page_is_what_the_program_prints() {
    assert_eq!(policy_on_page(), printed_policy());
}

#[test]
fn the_template_has_the_policy_and_the_trust_of_the_page() {
    let template = template();
    let role = &template["Resources"]["Role"]["Properties"];
    assert_eq!(role["Policies"][0]["PolicyDocument"], policy_on_page());
    let trust = blocks(PAGE).into_iter().find(|block| block.text.contains("pods.eks.amazonaws.com"));
    let trust = parsed(&trust.expect("a trust policy"));
    assert_eq!(role["AssumeRolePolicyDocument"]["Statement"], trust["Statement"]);
}

fn parsed(block: &Block) -> Value {
    serde_json::from_str(&block.text).unwrap_or_else(|error| panic!("{}: {error}", block.place))
}

/// The block after the comment that says which flags print it.
fn commented() -> (Vec<String>, Block) {
    let block = blocks(PAGE).into_iter().find(|block| block.before.starts_with("<!-- check: permissions"));
    let block = block.expect("the page has a policy");
    let line = block.before.trim_start_matches("<!-- check: ").trim_end_matches(" -->");
    (line.split(' ').map(str::to_owned).collect(), block)
}

fn policy_on_page() -> Value {
    parsed(&commented().1)
}

fn printed_policy() -> Value {
    let program = env!("CARGO_BIN_EXE_sequencestore-operator");
    let output = Command::new(program).args(commented().0).output().expect("the program runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("a policy")
}

/// The CloudFormation template of the page, for the region, account and cluster of the page.
fn template() -> Value {
    let block = blocks(PAGE).into_iter().find(|block| block.text.starts_with("AWSTemplateFormatVersion"));
    let mut text = block.expect("a template").text;
    for (reference, value) in [
        ("!Ref AWS::Region", "us-east-1"),
        ("!Ref ClusterName", "production"),
        ("!GetAtt ", ""),
        ("!Sub ", ""),
        ("${AWS::Region}", "us-east-1"),
        ("${AWS::AccountId}", "111122223333"),
    ] {
        text = text.replace(reference, value);
    }
    serde_saphyr::from_str(&text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}
