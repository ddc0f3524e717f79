// Package check reads the files of deploy as the programs do that they are
// written for: the types of Kubernetes, the Prometheus Operator and Grafana, kustomize,
// Compose and BuildKit. It is a module of its own for the sake of these libraries.
package check

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	monitoringv1 "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	"sigs.k8s.io/yaml"
)

// What the program has by default; internal/config says so, and its tests.
const (
	port            = 9567
	nonroot         = 65532
	shutdownSeconds = 30
	journalMaxBytes = 8 << 30
	quarantineBytes = 256 << 20
	maxRequestBytes = 32 << 20
	configuration   = "/etc/stormdrain/stormdrain.yml"
)

// manifests is what `kubectl apply -k` would send.
type manifests struct {
	statefulSet appsv1.StatefulSet
	services    []corev1.Service
	config      corev1.ConfigMap
	budget      policyv1.PodDisruptionBudget
	policy      networkingv1.NetworkPolicy
	monitor     monitoringv1.ServiceMonitor
}

func build(t *testing.T) (m manifests) {
	t.Helper()
	built, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), "../kubernetes")
	if err != nil {
		t.Fatal(err)
	}
	for _, resource := range built.Resources() {
		text, err := resource.AsYAML()
		if err != nil {
			t.Fatal(err)
		}
		var service corev1.Service
		into, ok := map[string]any{
			"apps/v1 StatefulSet":                     &m.statefulSet,
			"v1 Service":                              &service,
			"v1 ConfigMap":                            &m.config,
			"policy/v1 PodDisruptionBudget":           &m.budget,
			"networking.k8s.io/v1 NetworkPolicy":      &m.policy,
			"monitoring.coreos.com/v1 ServiceMonitor": &m.monitor,
		}[apiVersionAndKind(t, text)]
		if !ok {
			t.Fatalf("nobody expects %s", apiVersionAndKind(t, text))
		}
		strict(t, text, into)
		if resource.GetNamespace() != "monitoring" {
			t.Errorf("%s is in the namespace %q", resource.CurId(), resource.GetNamespace())
		}
		if service.Name != "" {
			m.services = append(m.services, service)
		}
	}
	return m
}

// strict refuses fields that the type does not have.
func strict(t *testing.T, text []byte, into any) {
	t.Helper()
	if err := yaml.UnmarshalStrict(text, into); err != nil {
		t.Errorf("%v in\n%s", err, text)
	}
}

func apiVersionAndKind(t *testing.T, text []byte) string {
	t.Helper()
	var head struct{ APIVersion, Kind string }
	if err := yaml.Unmarshal(text, &head); err != nil {
		t.Fatal(err)
	}
	return head.APIVersion + " " + head.Kind
}

func TestPod(t *testing.T) {
	t.Parallel()
	m := build(t)
	pod := m.statefulSet.Spec.Template.Spec
	c := pod.Containers[0]
	if got, sleep := *pod.TerminationGracePeriodSeconds, c.Lifecycle.PreStop.Sleep.Seconds; sleep == 0 || got <= sleep+shutdownSeconds+10 {
		t.Errorf("%d seconds to stop, of which %d for Services to look away, shutdown.timeout is %d", got, sleep, shutdownSeconds)
	}
	if s := pod.SecurityContext; !*s.RunAsNonRoot || *s.RunAsUser != nonroot || *s.FSGroup != nonroot || s.SeccompProfile.Type != corev1.SeccompProfileTypeRuntimeDefault {
		t.Errorf("security of the pod: %+v", s)
	}
	if s := c.SecurityContext; *s.AllowPrivilegeEscalation || !*s.ReadOnlyRootFilesystem || !slices.Equal(s.Capabilities.Drop, []corev1.Capability{"ALL"}) {
		t.Errorf("security of the container: %+v", s)
	}
	if *pod.AutomountServiceAccountToken || *pod.EnableServiceLinks {
		t.Error("the pod gets a token or variables that it has no use for")
	}
	if len(c.Ports) != 1 || c.Ports[0].ContainerPort != port || c.Ports[0].Name != "http" {
		t.Errorf("ports: %+v", c.Ports)
	}
	for name, probe := range map[string]*corev1.Probe{"/-/healthy": c.LivenessProbe, "/-/healthy ": c.StartupProbe, "/-/ready": c.ReadinessProbe} {
		if got := probe.HTTPGet; got.Path != strings.TrimSpace(name) || got.Port.StrVal != "http" {
			t.Errorf("probe of %s asks %+v", name, got)
		}
	}
	limit := c.Resources.Limits[corev1.ResourceMemory]
	if limit.Value() < 256<<20+2*maxRequestBytes {
		t.Errorf("the memory limit is %s, bodies in flight alone may be 256 MiB", limit.String())
	}
	if env := c.Env[0]; env.Name != "STORMDRAIN_STORAGE_URL" || env.ValueFrom.SecretKeyRef.Name != "stormdrain" {
		t.Errorf("environment: %+v", c.Env)
	}
}

// Every volume is mounted, every mount has its volume, and what the arguments
// name lies in one.
func TestVolumes(t *testing.T) {
	t.Parallel()
	m := build(t)
	pod := m.statefulSet.Spec.Template.Spec
	mounts := map[string]string{}
	for _, v := range pod.Containers[0].VolumeMounts {
		mounts[v.Name] = v.MountPath
	}
	volumes := []string{m.statefulSet.Spec.VolumeClaimTemplates[0].Name}
	for _, v := range pod.Volumes {
		volumes = append(volumes, v.Name)
		if v.ConfigMap != nil && (v.ConfigMap.Name != m.config.Name || m.config.Data["stormdrain.yml"] == "") {
			t.Errorf("the volume wants the ConfigMap %s, there is %s with %v", v.ConfigMap.Name, m.config.Name, m.config.Data)
		}
	}
	for _, v := range volumes {
		if mounts[v] == "" {
			t.Errorf("the volume %s is not mounted", v)
		}
	}
	if len(volumes) != len(mounts) {
		t.Errorf("volumes %v, mounts %v", volumes, mounts)
	}
	args := strings.Join(pod.Containers[0].Args, " ")
	if args != "serve --config.file="+mounts["config"]+"/stormdrain.yml --data.dir="+mounts["data"] || mounts["config"]+"/stormdrain.yml" != configuration {
		t.Errorf("arguments %q, mounts %v", args, mounts)
	}
	claim := m.statefulSet.Spec.VolumeClaimTemplates[0].Spec.Resources.Requests[corev1.ResourceStorage]
	if claim.Value() < journalMaxBytes+quarantineBytes {
		t.Errorf("the claim of %s has no room for the journal and the quarantine", claim.String())
	}
}

// Whoever selects the pods finds them, and no one is scraped twice.
func TestSelectors(t *testing.T) {
	t.Parallel()
	m := build(t)
	labels := m.statefulSet.Spec.Template.Labels
	matches := func(who string, selector, labels map[string]string) bool {
		if len(selector) == 0 {
			t.Errorf("%s selects everything", who)
		}
		for k, v := range selector {
			if labels[k] != v {
				return false
			}
		}
		return true
	}
	must := func(who string, selector map[string]string) {
		if !matches(who, selector, labels) {
			t.Errorf("%s selects %v, the pods have %v", who, selector, labels)
		}
	}
	must("the set", m.statefulSet.Spec.Selector.MatchLabels)
	must("the budget", m.budget.Spec.Selector.MatchLabels)
	must("the policy", m.policy.Spec.PodSelector.MatchLabels)
	scraped, headless := 0, ""
	for _, s := range m.services {
		must(s.Name, s.Spec.Selector)
		if p := s.Spec.Ports; len(p) != 1 || p[0].Port != port || p[0].TargetPort.StrVal != "http" || p[0].Name != m.monitor.Spec.Endpoints[0].Port {
			t.Errorf("ports of %s: %+v", s.Name, p)
		}
		if s.Spec.ClusterIP == "None" {
			headless = s.Name
		}
		if matches("the monitor", m.monitor.Spec.Selector.MatchLabels, s.Labels) {
			scraped++
		}
	}
	if headless == "" || headless != m.statefulSet.Spec.ServiceName {
		t.Errorf("the headless service is %q, the set names %q", headless, m.statefulSet.Spec.ServiceName)
	}
	if scraped != 1 {
		t.Errorf("%d services are scraped, want 1", scraped)
	}
	if m.budget.Spec.MaxUnavailable.IntValue() >= int(*m.statefulSet.Spec.Replicas) {
		t.Errorf("the budget lets all %d go", *m.statefulSet.Spec.Replicas)
	}
	if got := m.policy.Spec.Ingress[0].Ports; len(got) != 1 || got[0].Port.StrVal != "http" {
		t.Errorf("the policy lets in at %+v", got)
	}
}

func TestSecretExample(t *testing.T) {
	t.Parallel()
	text := read(t, "../kubernetes/secret.example.yaml")
	var secret corev1.Secret
	strict(t, text, &secret)
	ref := build(t).statefulSet.Spec.Template.Spec.Containers[0].Env[0].ValueFrom.SecretKeyRef
	if secret.Kind != "Secret" || secret.Name != ref.Name || !strings.HasPrefix(secret.StringData[ref.Key], "postgres://") {
		t.Errorf("%s does not fit %s/%s", fmt.Sprint(secret.StringData), ref.Name, ref.Key)
	}
	if !bytes.Contains(text, []byte("CHANGE-ME")) {
		t.Error("the example has a password of its own")
	}
}
