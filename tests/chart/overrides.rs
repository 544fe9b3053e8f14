//! Arguments and environment variables of the user beside the chart's own.

use serde_json::{Value, json};

use crate::helm::{arguments, both, container, ensure_refused, operator_says, template};

#[test]
fn a_variable_of_the_user_replaces_that_of_the_chart() {
    for helm in both() {
        let objects = template(
            helm,
            &[
                "aws.endpointUrlSts=https://sts.example.org",
                "extraEnv[0].name=AWS_ENDPOINT_URL_STS",
                "extraEnv[0].value=https://mine.example.org",
                "extraEnv[1].name=POD_NAME",
                "extraEnv[1].value=mine",
                "extraEnv[2].name=TWICE",
                "extraEnv[2].value=first",
                "extraEnv[3].name=TWICE",
                "extraEnv[3].value=second",
            ],
        );
        let env = container(&objects)["env"].as_array().expect("a list");
        let of = |name: &str| env.iter().filter(|e| e["name"] == name).collect::<Vec<_>>();
        for (name, value) in
            [("AWS_ENDPOINT_URL_STS", "https://mine.example.org"), ("POD_NAME", "mine"), ("TWICE", "second")]
        {
            assert_eq!(of(name), [&json!({"name": name, "value": value})]);
        }
        assert_eq!(of("POD_NAMESPACE").len(), 1);
    }
}

#[test]
fn a_flag_of_the_user_replaces_that_of_the_chart() {
    for helm in both() {
        let objects = template(
            helm,
            &[
                "pollInterval=5m",
                "log.level=info",
                "extraArgs={--poll-interval=1h,--log-level,debug,--metrics-bind-address=127.0.0.1:8080}",
            ],
        );
        let arguments = arguments(&objects);
        for flag in ["--poll-interval", "--log-level", "--metrics-bind-address"] {
            assert_eq!(arguments.iter().filter(|a| a.starts_with(flag)).count(), 1, "{arguments:?}");
        }
        assert!(arguments.ends_with(&[
            "--poll-interval=1h",
            "--log-level",
            "debug",
            "--metrics-bind-address=127.0.0.1:8080"
        ]));
    }
}

#[test]
fn flags_on_which_other_objects_depend_are_refused_in_extra_args() {
    for (flag, reason) in [
        ("--leader-elect=false", "leaderElection.enabled"),
        ("--watch-namespace=lab", "watchNamespaces"),
        ("--default-deletion-protection", "defaultDeletionProtection"),
        ("--account-bindings", "accountBindings.enabled"),
        ("--require-account-binding=false", "accountBindings.required"),
        ("--leader-election-lease-name=mine", "the role for the Lease"),
        ("--leader-election-namespace=lab", "the role for the Lease"),
    ] {
        ensure_refused(&[&format!("extraArgs={{{flag}}}")], reason);
        let text = operator_says(&["run", flag]);
        assert!(!text.contains("unexpected argument"), "the program does not know {flag}: {text}");
    }
}

#[test]
fn the_operator_accepts_the_arguments_that_the_chart_makes_of_every_value() {
    let settings = [
        "aws.region=us-east-1",
        "clusterName=x y",
        "watchNamespaces={lab,prod}",
        "pollInterval=5m",
        "readSetPollInterval=1h",
        "createGrace=60s",
        "accountBindings.enabled=true",
        "accountBindings.required=true",
        "concurrency=256",
        "quotaShare=0.5",
        "backgroundShare=0.05",
        "quotas.GetSequenceStore=20",
        "quotas.TagResource=0.5",
        "log.format=text",
        "log.level=info\\,kube=debug",
        "metrics.perObject=false",
        "extraArgs={--poll-interval=1h}",
    ];
    for helm in both() {
        let objects = template(helm, &settings);
        let text = operator_says(&arguments(&objects));
        assert!(text.contains("/nowhere/kubeconfig"), "{text}");
    }
}

#[test]
fn constraints_get_the_selector_of_the_pods_unless_they_have_one() {
    for helm in both() {
        let own = "topologySpreadConstraints[1].labelSelector.matchLabels.mine=yes";
        let objects = template(
            helm,
            &[
                "topologySpreadConstraints[0].topologyKey=rack",
                "topologySpreadConstraints[1].topologyKey=row",
                own,
            ],
        );
        let deployment = crate::helm::the("Deployment", &objects);
        let constraints: &Value = &deployment["spec"]["template"]["spec"]["topologySpreadConstraints"];
        assert_eq!(constraints[0]["labelSelector"], deployment["spec"]["selector"]);
        assert_eq!(constraints[1]["labelSelector"], json!({"matchLabels": {"mine": "yes"}}));
    }
}
