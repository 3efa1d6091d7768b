//! What keeps an S3 store from being a cache. The check `s3/store` says what it is; here
//! stand the changes that mend it.

use crate::faults;
use crate::remedy::{export, remedy};
use crate::rule::{Rule, Told};
use crate::scene::{Scene, Symptom};
use seaworthy_model::Risk;

pub(super) const RULES: &[Rule] = &[
    Rule::of(faults::S3_CREDENTIALS_MISSING).also(tier).tell(credentials),
    Rule::of(faults::S3_CREDENTIALS_INCOMPLETE).also(tier).tell(credentials),
    Rule::of(faults::S3_UNKNOWN_KEY).also(tier).tell(keys),
    Rule::of(faults::S3_WRONG_SECRET).also(tier).tell(keys),
    Rule::of(faults::S3_EXPIRED_TOKEN).also(tier).tell(token),
    Rule::of(faults::S3_INVALID_TOKEN).also(tier).tell(token),
    Rule::of(faults::S3_WRONG_REGION).also(tier).tell(region),
    Rule::of(faults::S3_REDIRECTED).also(tier).tell(redirected),
    Rule::of(faults::S3_DENIED).also(tier).tell(policy),
];

/// The tier that is this store.
fn tier(symptom: &Symptom<'_>) -> bool {
    symptom.code() == "cache.open-failed" && symptom.detail("adapter") == Some("s3")
}

fn credentials(scene: &Scene<'_>, symptoms: &[&Symptom<'_>]) -> Told {
    let pass = remedy("pass-credentials", "Pass both variables to the step", "A secret reaches only the steps that name it.")
        .write(
            "In the workflow.",
            ".github/workflows/ci.yml",
            "env:\n  AWS_ACCESS_KEY_ID: ${{ secrets.AWS_ACCESS_KEY_ID }}\n  AWS_SECRET_ACCESS_KEY: ${{ secrets.AWS_SECRET_ACCESS_KEY }}",
        );
    let pass = if scene.site.in_container == Some(true) {
        pass.run("Add to your docker run.", "-e AWS_ACCESS_KEY_ID -e AWS_SECRET_ACCESS_KEY -e AWS_SESSION_TOKEN")
    } else {
        pass
    };
    let without = remedy(
        "leave-out-tier",
        "Or leave the tier out where there are no credentials",
        "Pull requests from forks get no secrets; the other tiers work without this one.",
    )
    .run("Use the others.", "export CACHE_BACKENDS=p2p");
    Told::found(symptoms, vec![pass.done(), without.done()])
}

fn keys(_: &Scene<'_>, symptoms: &[&Symptom<'_>]) -> Told {
    let again = remedy("set-keys-again", "Set both halves from one source", "They belong together.")
        .run("From a shell that has them.", "printf %s \"$KEY_ID\" | gh secret set AWS_ACCESS_KEY_ID && printf %s \"$SECRET\" | gh secret set AWS_SECRET_ACCESS_KEY")
        .step("Temporary keys (ASIA...) need AWS_SESSION_TOKEN from the same answer.");
    let new = remedy("make-keys", "Or make a new pair", "A secret that is lost cannot be looked up.")
        .run("At AWS, for the cache's own user.", "aws iam create-access-key --user-name ci-cache")
        .run("At MinIO.", "mc admin user svcacct add ALIAS USER")
        .cost("The old pair stays valid until it is removed.")
        .risk(Risk::Security);
    Told::found(symptoms, vec![again.done(), new.done()])
}

fn token(_: &Scene<'_>, symptoms: &[&Symptom<'_>]) -> Told {
    let assume = remedy("assume-role", "Assume the role right before it is needed", "Then the token is new, and lives long enough.")
        .write(
            "In the workflow, before the step.",
            ".github/workflows/ci.yml",
            "- uses: aws-actions/configure-aws-credentials@v4\n  with:\n    role-to-assume: ROLE_ARN\n    aws-region: REGION\n    role-duration-seconds: 7200",
        );
    let permanent = remedy("unset-token", "Or unset a token that is left over", "A permanent key has none.")
        .run("For this job.", "unset AWS_SESSION_TOKEN");
    Told::found(symptoms, vec![assume.done(), permanent.done()])
}

fn region(_: &Scene<'_>, symptoms: &[&Symptom<'_>]) -> Told {
    let right = symptoms[0].detail("region").filter(|region| Some(*region) != symptoms[0].detail("signed-for"));
    let set = match right {
        Some(region) => remedy("set-region", format!("Sign for {region}"), "It is the region that the store names.")
            .run("For everything in this job.", export("AWS_REGION", region))
            .run("Or for the cache alone.", export("AWS_S3_REGION", region)),
        None => remedy("set-region", "Set the store's region", "The store does not say which it is.")
            .run("Look it up.", "aws s3api get-bucket-location --bucket BUCKET")
            .step("Garage's is `s3_region` of its garage.toml, MinIO's MINIO_SITE_REGION."),
    };
    Told::found(symptoms, vec![set.done()])
}

fn redirected(_: &Scene<'_>, symptoms: &[&Symptom<'_>]) -> Told {
    let set = remedy("set-endpoint", "Ask at the endpoint that the store names", "A signature holds for one host.");
    let set = match symptoms[0].detail("endpoint") {
        Some(endpoint) => set
            .step("Look whether this host is yours: credentials are sent there.")
            .run("Set it.", export("CACHE_S3_ENDPOINT", &format!("https://{endpoint}"))),
        None => set.step("The store does not say where; look at its console for the bucket's endpoint."),
    };
    Told::found(symptoms, vec![set.done()])
}

/// The smallest policy that a cache needs, for the permissions that are missing.
fn policy(_: &Scene<'_>, symptoms: &[&Symptom<'_>]) -> Told {
    let bucket = symptoms[0].detail("bucket").unwrap_or("BUCKET");
    let mut objects: Vec<&str> = symptoms.iter().filter_map(|symptom| symptom.detail("permission")).collect();
    objects.sort_unstable();
    objects.dedup();
    let lists = objects.contains(&"s3:ListBucket");
    objects.retain(|permission| *permission != "s3:ListBucket");
    let mut statements = Vec::new();
    if lists || objects.is_empty() {
        statements.push(format!(
            "    {{ \"Effect\": \"Allow\", \"Action\": [\"s3:ListBucket\"], \"Resource\": \"arn:aws:s3:::{bucket}\" }}"
        ));
    }
    if !objects.is_empty() {
        let actions: Vec<String> = objects.iter().map(|permission| format!("\"{permission}\"")).collect();
        statements.push(format!(
            "    {{ \"Effect\": \"Allow\", \"Action\": [{}], \"Resource\": \"arn:aws:s3:::{bucket}/seaworthy/*\" }}",
            actions.join(", ")
        ));
    }
    let text = format!("{{\n  \"Version\": \"2012-10-17\",\n  \"Statement\": [\n{}\n  ]\n}}", statements.join(",\n"));
    let grant = remedy(
        "grant-permission",
        "Grant what is missing, on the cache's prefix only",
        "Nothing else of the bucket is touched.",
    )
    .write("Add to the policy of the runner's user or role.", "cache-policy.json", text)
    .run(
        "At AWS.",
        "aws iam put-user-policy --user-name ci-cache --policy-name cache --policy-document file://cache-policy.json",
    )
    .risk(Risk::Security)
    .done();
    let writes = objects.iter().all(|permission| matches!(*permission, "s3:PutObject" | "s3:DeleteObject"));
    let mut remediations = vec![grant];
    if !lists && writes && !objects.is_empty() {
        let reader =
            remedy("read-only", "Or say that this runner only reads", "The tier then serves, and stores nothing.")
                .write(
                    "In checks.toml, for the tier.",
                    "checks.toml",
                    "[tiers.s3]\nadapter = \"s3\"\ntarget = \"s3\"\nwith = { read-only = true }",
                )
                .write("And for the check.", "checks.toml", "with = { need = [\"list\", \"read\"] }")
                .cost("Somebody else has to store what this runner needs.")
                .done();
        remediations.insert(0, reader);
    }
    Told::found(symptoms, remediations)
}
