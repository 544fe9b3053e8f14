//! Endpoints: health probes over IPv6, dual-stack and FIPS hosts, VPC endpoints without private DNS, and certificates of a
//! private authority.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv6Addr, SocketAddr, TcpListener};
use std::sync::Arc;

use serde_json::json;

use super::recording_proxy::RecordingProxy;
use crate::cli_runner::{CliUser, run_to_end};
use crate::world::{Cluster, Error, Start, World, closed_address, condition, ensure, message, tests};

tests![
    a_port_alone_listens_on_ipv6_and_ipv4,
    dual_stack_and_fips_call_the_hosts_that_aws_documents,
    dual_stack_and_fips_are_refused_with_a_custom_endpoint,
    tag_calls_have_an_endpoint_of_their_own,
    a_certificate_authority_can_be_added,
    a_certificate_file_that_cannot_be_read_is_refused_in_one_line,
    a_profile_with_a_credential_process_works,
    a_profile_with_sso_says_how_to_sign_in,
];

async fn a_port_alone_listens_on_ipv6_and_ipv4(cluster: Arc<Cluster>) -> Result<(), Error> {
    let world = World::new(cluster).await?;
    let port = closed_address()?.port();
    let _operator = world.operator(&Start { health: format!(":{port}"), ..Start::default() })?;
    let mut addresses = vec![SocketAddr::from(([127, 0, 0, 1], port))];
    if TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).is_ok() {
        addresses.push((Ipv6Addr::LOCALHOST, port).into());
    }
    for address in addresses {
        world.until_answers(&address.to_string(), "/healthz", "200 OK", "").await?;
    }
    Ok(())
}

async fn dual_stack_and_fips_call_the_hosts_that_aws_documents(cluster: Arc<Cluster>) -> Result<(), Error> {
    let world = World::new(cluster).await?;
    let user = CliUser::admin(&world);
    for (setting, omics, sts) in [
        ("AWS_USE_DUALSTACK_ENDPOINT", "control-storage-omics.us-east-1.api.aws", "sts.us-east-1.api.aws"),
        (
            "AWS_USE_FIPS_ENDPOINT",
            "control-storage-omics-fips.us-east-1.amazonaws.com",
            "sts-fips.us-east-1.amazonaws.com",
        ),
        ("UNUSED", "control-storage-omics.us-east-1.amazonaws.com", "sts.us-east-1.amazonaws.com"),
    ] {
        let proxy = RecordingProxy::start(BTreeMap::new()).await?;
        let manifest = world.manifest("a", json!({}));
        for (arguments, input) in [(&["export"][..], ""), (&["plan", "-f", "-", "--offline"], &manifest)] {
            let mut command = world.command(&user, arguments);
            command
                .env(setting, "true")
                .env("HTTPS_PROXY", proxy.url())
                .env_remove("AWS_ENDPOINT_URL_OMICS")
                .env_remove("AWS_ENDPOINT_URL_STS");
            let output = run_to_end(&mut command, input).await?;
            ensure!(output.code == Some(2), "{setting} {output:?}");
        }
        for host in [omics, sts] {
            proxy.until_asked_for(&format!("CONNECT {host}:443")).await?;
        }
    }
    Ok(())
}

async fn dual_stack_and_fips_are_refused_with_a_custom_endpoint(cluster: Arc<Cluster>) -> Result<(), Error> {
    let world = World::new(cluster).await?;
    let user = CliUser::admin(&world);
    for setting in ["AWS_USE_DUALSTACK_ENDPOINT", "AWS_USE_FIPS_ENDPOINT"] {
        for arguments in
            [&["export"][..], &["run", "--log-level=error", "--health-probe-bind-address=127.0.0.1:0"]]
        {
            let mut command = world.command(&user, arguments);
            let output = run_to_end(command.env(setting, "true"), "").await?;
            output.ensure_mistake(setting)?;
            output.ensure_mistake("AWS_ENDPOINT_URL_OMICS")?;
        }
    }
    Ok(())
}

async fn tag_calls_have_an_endpoint_of_their_own(cluster: Arc<Cluster>) -> Result<(), Error> {
    let world = World::new(cluster).await?;
    let port = world.simulator.url().rsplit(':').next().unwrap_or_default().to_owned();
    let tags = ("AWS_ENDPOINT_URL_OMICS_TAGS", format!("http://localhost:{port}"));
    let environment = BTreeMap::from([tags.clone()]);
    let _operator = world.operator(&Start { environment, ..Start::default() })?;
    let store = world.seed().await?;
    world.adopt("a", &store).await?;
    world.until_ready("a").await?;
    world.patch("a", json!({"spec": {"tags": {"team": "genomics"}}})).await?;
    world.until_calls("TagResource", 2).await?;
    world.patch("a", json!({"spec": {"tags": {"team": null}}})).await?;
    world.until_calls("UntagResource", 1).await?;
    let user = CliUser::admin(&world);
    let output = run_to_end(world.command(&user, &["export"]).env(tags.0, tags.1), "").await?;
    ensure!(output.code == Some(0), "{output:?}");
    let hosts = |is_tag: bool| {
        let ledger = world.simulator.ledger().into_iter();
        let calls = ledger.filter(move |call| call.path.starts_with("/tags/") == is_tag && call.path != "/");
        calls.filter_map(|call| call.host).collect::<BTreeSet<String>>()
    };
    ensure!(hosts(true) == BTreeSet::from([format!("localhost:{port}")]), "tags: {:?}", hosts(true));
    ensure!(hosts(false) == BTreeSet::from([format!("127.0.0.1:{port}")]), "others: {:?}", hosts(false));
    Ok(())
}

/// The API server has a certificate of a private authority and does not answer as AWS does: the message tells whether the
/// operator trusts it.
async fn a_certificate_authority_can_be_added(cluster: Arc<Cluster>) -> Result<(), Error> {
    let world = World::new(cluster).await?;
    let kubeconfig: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(&world.cluster.kubeconfig)?)?;
    let authority =
        kubeconfig["clusters"][0]["cluster"]["certificate-authority"].as_str().unwrap_or_default();
    let store = world.seed().await?;
    for (name, trusted) in [("NOTHING", false), ("AWS_CA_BUNDLE", true), ("SSL_CERT_FILE", true)] {
        let environment = BTreeMap::from([
            ("AWS_ENDPOINT_URL_OMICS", world.cluster.plane.server().to_owned()),
            (name, authority.to_owned()),
        ]);
        let operator = world.operator(&Start { environment, ..Start::default() })?;
        let object = name.to_lowercase().replace('_', "-");
        world.adopt(&object, &store).await?;
        let object = world.until_condition(&object, "Ready", "False", "AwsUnavailable").await?;
        let answered = message(&object, "Ready").contains("not a valid AWS response");
        ensure!(answered == trusted, "{name}: {:?}", condition(&object, "Ready"));
        operator.kill().await;
    }
    Ok(())
}

async fn a_certificate_file_that_cannot_be_read_is_refused_in_one_line(
    cluster: Arc<Cluster>,
) -> Result<(), Error> {
    let world = World::new(cluster).await?;
    let user = CliUser::admin(&world);
    let broken = tempfile::NamedTempFile::new()?;
    std::fs::write(broken.path(), "-----BEGIN CERTIFICATE-----\nnot base64!\n-----END CERTIFICATE-----\n")?;
    let empty = tempfile::NamedTempFile::new()?;
    for (file, says) in [
        ("/nowhere/bundle.pem".to_owned(), "/nowhere/bundle.pem"),
        (broken.path().display().to_string(), "certificate"),
        (empty.path().display().to_string(), "certificate"),
    ] {
        for arguments in
            [&["export"][..], &["run", "--log-level=error", "--health-probe-bind-address=127.0.0.1:0"]]
        {
            let mut command = world.command(&user, arguments);
            let output = run_to_end(command.env("AWS_CA_BUNDLE", &file), "").await?;
            output.ensure_mistake("AWS_CA_BUNDLE").map_err(|error| format!("{file}: {error}"))?;
            output.ensure_mistake(says)?;
        }
    }
    Ok(())
}

/// A command of a user whose credentials come from a profile.
fn command_with_profile(world: &World, config: &std::path::Path) -> tokio::process::Command {
    let mut command = world.command(&CliUser::without_cluster(), &["export"]);
    command
        .env_remove("AWS_ACCESS_KEY_ID")
        .env_remove("AWS_SECRET_ACCESS_KEY")
        .env("AWS_CONFIG_FILE", config)
        .env("AWS_PROFILE", "person");
    command
}

async fn a_profile_with_a_credential_process_works(cluster: Arc<Cluster>) -> Result<(), Error> {
    let world = World::new(cluster).await?;
    let (keys, config) = (tempfile::NamedTempFile::new()?, tempfile::NamedTempFile::new()?);
    let answer = json!({"Version": 1, "AccessKeyId": "AKIAPROCESS000000000", "SecretAccessKey": "canary"});
    std::fs::write(keys.path(), answer.to_string())?;
    let profile = format!("[profile person]\ncredential_process = cat {}\n", keys.path().display());
    std::fs::write(config.path(), profile)?;
    let output = run_to_end(&mut command_with_profile(&world, config.path()), "").await?;
    ensure!(output.code == Some(0), "{output:?}");
    let calls = world.calls("ListSequenceStores").await?;
    let key = calls.first().and_then(|call| call.access_key_id.clone());
    ensure!(key.as_deref() == Some("AKIAPROCESS000000000"), "{key:?}");
    // A process that fails is named.
    std::fs::write(config.path(), "[profile person]\ncredential_process = false\n")?;
    let output = run_to_end(&mut command_with_profile(&world, config.path()), "").await?;
    output.ensure_mistake("credential_process")
}

async fn a_profile_with_sso_says_how_to_sign_in(cluster: Arc<Cluster>) -> Result<(), Error> {
    let world = World::new(cluster).await?;
    let (config, home) = (tempfile::NamedTempFile::new()?, tempfile::tempdir()?);
    let profile = "[profile person]\nsso_session = company\nsso_account_id = 123456789012\nsso_role_name = reader\n\n\
                   [sso-session company]\nsso_region = us-east-1\nsso_start_url = https://company.example/start\n";
    std::fs::write(config.path(), profile)?;
    let mut command = command_with_profile(&world, config.path());
    let output = run_to_end(command.env("HOME", home.path()), "").await?;
    output.ensure_mistake("aws sso login --profile person")?;
    // Profiles of `aws login` need a key exchange that the program does not do.
    std::fs::write(
        config.path(),
        "[profile person]\nlogin_session = arn:aws:iam::123456789012:user/person\n",
    )?;
    let mut command = command_with_profile(&world, config.path());
    let output = run_to_end(command.env("HOME", home.path()), "").await?;
    output.ensure_mistake("aws configure export-credentials")
}
