//! HTTP proxies: `HTTPS_PROXY` and `HTTP_PROXY` are used, `NO_PROXY` is obeyed, for Kubernetes and for AWS; addresses of this
//! host and of the node never go through a proxy.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use serde_json::{Value, json};

use super::recording_proxy::RecordingProxy;
use crate::cli_runner::{CliUser, run_to_end};
use crate::world::{Cluster, Error, Start, World, ensure, tests};

tests![
    a_proxy_for_aws_does_not_break_the_way_to_kubernetes,
    kubernetes_is_reached_through_a_proxy_unless_no_proxy_names_it,
    aws_is_reached_through_a_proxy_unless_no_proxy_names_it,
    the_commands_obey_no_proxy_too,
    the_proxy_of_a_kubeconfig_is_used_whatever_no_proxy_says,
    addresses_of_the_node_never_go_through_a_proxy,
    a_proxy_that_cannot_be_used_is_refused_in_one_line,
];

/// A name that only the proxy can resolve.
const API_SERVER: &str = "kubernetes.example:6443";
const OMICS: &str = "omics.example:8080";

/// Ways to write that the name of the host needs no proxy.
const EXCEPTIONS: [&str; 6] = [
    "kubernetes.example,omics.example",
    ".example",
    "*.example",
    "example",
    "*",
    " 10.0.0.0/8 , kubernetes.example:6443,omics.example:8080 ",
];

/// The cluster's kubeconfig with another address of the API server, and more members of the cluster.
fn kubeconfig(world: &World, server: &str, more: &Value) -> Result<PathBuf, Error> {
    let mut config: Value = serde_json::from_str(&std::fs::read_to_string(&world.cluster.kubeconfig)?)?;
    let cluster = config["clusters"][0]["cluster"].as_object_mut().ok_or("no cluster")?;
    cluster.insert("server".into(), json!(server));
    cluster.insert("tls-server-name".into(), json!("127.0.0.1"));
    cluster.extend(more.as_object().cloned().unwrap_or_default());
    let file = world.cluster.plane.directory().join(format!("proxied-{:08x}.kubeconfig", fastrand::u32(..)));
    std::fs::write(&file, config.to_string())?;
    Ok(file)
}

fn address(url: &str) -> Result<std::net::SocketAddr, Error> {
    Ok(url.rsplit('/').next().unwrap_or_default().parse()?)
}

/// A proxy that knows the API server and the simulator by names that nothing else can resolve.
async fn proxy(world: &World) -> Result<RecordingProxy, Error> {
    let routes = BTreeMap::from([
        (API_SERVER.to_owned(), address(world.cluster.plane.server())?),
        (OMICS.to_owned(), address(&world.simulator.url())?),
    ]);
    RecordingProxy::start(routes).await
}

fn start(environment: impl IntoIterator<Item = (&'static str, String)>) -> Start {
    Start { environment: environment.into_iter().collect(), ..Start::default() }
}

async fn a_proxy_for_aws_does_not_break_the_way_to_kubernetes(cluster: Arc<Cluster>) -> Result<(), Error> {
    let world = World::new(cluster).await?;
    let proxy = proxy(&world).await?;
    // Upper and lower case, and with the proxy itself among the exceptions.
    for (name, no_proxy) in [("HTTPS_PROXY", ""), ("https_proxy", "127.0.0.0/8"), ("ALL_PROXY", "127.0.0.1,")]
    {
        let environment = [(name, proxy.url()), ("NO_PROXY", no_proxy.to_owned())];
        let operator = world.operator(&start(environment))?;
        let store = world.seed().await?;
        let object = format!("a{}", store.id);
        world.adopt(&object, &store).await?;
        world.until_ready(&object).await.map_err(|error| format!("{name} {no_proxy}: {error}"))?;
        operator.kill().await;
    }
    proxy.ensure_never_asked_for("127.0.0.1")
}

async fn kubernetes_is_reached_through_a_proxy_unless_no_proxy_names_it(
    cluster: Arc<Cluster>,
) -> Result<(), Error> {
    let world = World::new(cluster).await?;
    let proxied = kubeconfig(&world, &format!("https://{API_SERVER}"), &json!({}))?;
    let seen = proxy(&world).await?;
    let kubeconfig = ("KUBECONFIG", proxied.display().to_string());
    let _operator = world.operator(&start([kubeconfig.clone(), ("HTTPS_PROXY", seen.url())]))?;
    let store = world.seed().await?;
    world.adopt("a", &store).await?;
    world.until_ready("a").await?;
    seen.until_asked_for(&format!("CONNECT {API_SERVER}")).await?;
    for exception in EXCEPTIONS {
        let seen = proxy(&world).await?;
        let environment =
            [kubeconfig.clone(), ("HTTPS_PROXY", seen.url()), ("NO_PROXY", exception.to_owned())];
        let operator = world.operator(&start(environment))?;
        until_logged(&operator, "kubernetes.example")
            .await
            .map_err(|error| format!("{exception}: {error}"))?;
        until_logged(&operator, "WARN").await.map_err(|error| format!("{exception}: {error}"))?;
        seen.ensure_never_asked_for("kubernetes.example").map_err(|error| format!("{exception}: {error}"))?;
        operator.kill().await;
    }
    Ok(())
}

async fn until_logged(operator: &crate::world::Operator, part: &str) -> Result<(), Error> {
    let end = tokio::time::Instant::now() + crate::world::TIMEOUT;
    while !operator.log_text().contains(part) {
        ensure!(tokio::time::Instant::now() < end, "{part} is not in the log: {}", operator.log_text());
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    Ok(())
}

async fn aws_is_reached_through_a_proxy_unless_no_proxy_names_it(cluster: Arc<Cluster>) -> Result<(), Error> {
    let world = World::new(cluster).await?;
    let seen = proxy(&world).await?;
    let omics = ("AWS_ENDPOINT_URL_OMICS", format!("http://{OMICS}"));
    let _operator = world.operator(&start([omics.clone(), ("HTTP_PROXY", seen.url())]))?;
    let store = world.seed().await?;
    world.adopt("a", &store).await?;
    world.until_ready("a").await?;
    seen.until_asked_for(&format!("GET http://{OMICS}/sequencestore/")).await?;
    drop(_operator);
    for (number, exception) in EXCEPTIONS.into_iter().enumerate() {
        let seen = proxy(&world).await?;
        let environment = [omics.clone(), ("HTTP_PROXY", seen.url()), ("no_proxy", exception.to_owned())];
        let operator = world.operator(&start(environment))?;
        let name = format!("b{number}");
        world.adopt(&name, &store).await?;
        world.until_condition(&name, "Ready", "False", "AwsUnavailable").await?;
        seen.ensure_never_asked_for("omics.example").map_err(|error| format!("{exception}: {error}"))?;
        operator.kill().await;
    }
    Ok(())
}

async fn the_commands_obey_no_proxy_too(cluster: Arc<Cluster>) -> Result<(), Error> {
    let world = World::new(cluster).await?;
    let store = world.seed().await?;
    world.adopt("a", &store).await?;
    let object = format!("{}/a", world.namespace);
    let admin = CliUser::admin(&world);
    let (seen, arguments) = (proxy(&world).await?, ["plan", &object, "--cluster-name=e2e"]);
    let mut command = world.command(&admin, &arguments);
    let output = run_to_end(command.env("HTTPS_PROXY", seen.url()).env("HTTP_PROXY", seen.url()), "").await?;
    ensure!(output.code == Some(1), "a proxy for AWS breaks the command: {output:?}");
    seen.ensure_never_asked_for("127.0.0.1")?;
    let proxied = kubeconfig(&world, &format!("https://{API_SERVER}"), &json!({}))?;
    let user = CliUser { kubeconfig: proxied, audit_name: String::new() };
    let mut command = world.command(&user, &arguments);
    let output = run_to_end(command.env("HTTPS_PROXY", seen.url()), "").await?;
    ensure!(output.code == Some(1), "Kubernetes is not reached through the proxy: {output:?}");
    seen.until_asked_for(&format!("CONNECT {API_SERVER}")).await
}

async fn the_proxy_of_a_kubeconfig_is_used_whatever_no_proxy_says(
    cluster: Arc<Cluster>,
) -> Result<(), Error> {
    let world = World::new(cluster).await?;
    let seen = proxy(&world).await?;
    let server = format!("https://{API_SERVER}");
    let proxied = kubeconfig(&world, &server, &json!({"proxy-url": seen.url()}))?;
    let environment = [
        ("KUBECONFIG", proxied.display().to_string()),
        ("NO_PROXY", "*".to_owned()),
        ("HTTPS_PROXY", "http://127.0.0.1:9".to_owned()),
    ];
    let _operator = world.operator(&start(environment))?;
    let store = world.seed().await?;
    world.adopt("a", &store).await?;
    world.until_ready("a").await?;
    seen.until_asked_for(&format!("CONNECT {API_SERVER}")).await
}

async fn addresses_of_the_node_never_go_through_a_proxy(cluster: Arc<Cluster>) -> Result<(), Error> {
    let world = World::new(cluster).await?;
    let store = world.seed().await?;
    world.adopt("a", &store).await?;
    for agent in ["169.254.170.23", "[fd00:ec2::23]", "169.254.170.2"] {
        let seen = proxy(&world).await?;
        let operator = world.operator(&start([
            ("AWS_ACCESS_KEY_ID", String::new()),
            ("AWS_SECRET_ACCESS_KEY", String::new()),
            ("AWS_CONTAINER_CREDENTIALS_FULL_URI", format!("http://{agent}/v1/credentials")),
            ("HTTP_PROXY", seen.url()),
            ("HTTPS_PROXY", seen.url()),
            ("ALL_PROXY", seen.url()),
        ]))?;
        // No such agent runs here: its address is asked, and does not answer.
        until_logged(&operator, "omics:GetSequenceStore").await?;
        seen.ensure_never_asked_for(agent)?;
        operator.kill().await;
    }
    // The metadata service of the instance, on which the SDK's chain ends.
    let seen = proxy(&world).await?;
    let operator = world.operator(&start([
        ("AWS_ACCESS_KEY_ID", String::new()),
        ("AWS_SECRET_ACCESS_KEY", String::new()),
        ("AWS_EC2_METADATA_DISABLED", String::new()),
        ("HTTP_PROXY", seen.url()),
    ]))?;
    until_logged(&operator, "omics:GetSequenceStore").await?;
    operator.kill().await;
    seen.ensure_never_asked_for("169.254")
}

async fn a_proxy_that_cannot_be_used_is_refused_in_one_line(cluster: Arc<Cluster>) -> Result<(), Error> {
    let world = World::new(cluster).await?;
    let user = CliUser::admin(&world);
    for value in ["socks5://127.0.0.1:1080", "http://", "ftp://proxy:21", "http://pro xy:3128"] {
        for arguments in
            [&["run", "--log-level=error", "--health-probe-bind-address=127.0.0.1:0"][..], &["export"]]
        {
            let mut command = world.command(&user, arguments);
            let output = run_to_end(command.env("HTTPS_PROXY", value), "").await?;
            output
                .ensure_mistake("HTTPS_PROXY")
                .map_err(|error| format!("{value} {arguments:?}: {error}"))?;
        }
    }
    let mut command = world.command(&user, &["export"]);
    let secret =
        run_to_end(command.env("HTTPS_PROXY", "socks5://user:canary-password@proxy:1080"), "").await?;
    ensure!(!secret.stderr.contains("canary-password"), "the password is printed: {}", secret.stderr);
    // kube reads NO_PROXY too, and takes no empty element where a kubeconfig is in use.
    let mut command =
        world.command(&user, &["run", "--log-level=error", "--health-probe-bind-address=127.0.0.1:0"]);
    command.env("HTTPS_PROXY", "http://127.0.0.1:9").env("NO_PROXY", "a.example,,b.example");
    run_to_end(&mut command, "").await?.ensure_mistake("NO_PROXY")?;
    // A proxy without a scheme is an HTTP proxy, as with curl.
    let seen = proxy(&world).await?;
    let plain = seen.url().trim_start_matches("http://").to_owned();
    let mut command = world.command(&user, &["export"]);
    let command = command.env("HTTP_PROXY", plain).env("AWS_ENDPOINT_URL_OMICS", format!("http://{OMICS}"));
    let output = run_to_end(command, "").await?;
    ensure!(output.code == Some(0), "{output:?}");
    seen.until_asked_for(&format!("POST http://{OMICS}/sequencestores")).await
}
