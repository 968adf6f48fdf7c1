//go:build ignore

// Writes request-info.jsonl: how the API server itself reads requests. Run it from the root of the repository:
//
//	(cd tools/kubernetes && go run ../../test/attack/corpus/request-info.go) > test/attack/corpus/request-info.jsonl
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"math/rand"
	"net/http"
	"strings"

	metainternalversion "k8s.io/apimachinery/pkg/apis/meta/internalversion"
	metainternalversionscheme "k8s.io/apimachinery/pkg/apis/meta/internalversion/scheme"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apiserver/pkg/endpoints/request"
)

type entry struct {
	Method string `json:"method"`
	Target string `json:"target"`
	// Refused is set for what the server answers with an error before anything happens.
	Refused bool `json:"refused,omitempty"`
	// Info is missing for what is not a resource request.
	Info *attributes `json:"info,omitempty"`
}

type attributes struct {
	Verb        string `json:"verb"`
	APIGroup    string `json:"apiGroup"`
	Version     string `json:"version"`
	Namespace   string `json:"namespace"`
	Resource    string `json:"resource"`
	Name        string `json:"name"`
	Subresource string `json:"subresource"`
}

var resolver = request.RequestInfoFactory{
	APIPrefixes:          sets.NewString("api", "apis"),
	GrouplessAPIPrefixes: sets.NewString("api"),
}

func main() {
	seen := map[string]bool{}
	add := func(method, target string) {
		if key := method + " " + target; !seen[key] {
			seen[key] = true
			line, err := json.Marshal(read(method, target))
			if err != nil {
				panic(err)
			}
			fmt.Println(string(line))
		}
	}
	methods := []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
	for _, target := range chosen {
		for _, method := range []string{"GET", "POST", "PATCH", "DELETE"} {
			add(method, target)
		}
	}
	// Random paths from the words that matter: most make no sense, which is the point.
	random := rand.New(rand.NewSource(1))
	words := []string{"api", "apis", "v1", "apps", "watch", "proxy", "namespaces", "soc", "pods", "status", "finalize",
		"namespaces", "pods", "secrets", "host-7", "log", "", ".", "..", "%2e", "a%2Fb", "a%20b", "system:node", "x;y", "version", "openapi"}
	queries := []string{"", "", "", "?watch=true", "?watch=0", "?watch", "?watch=false&watch=true", "?fieldSelector=metadata.name%3Dx",
		"?fieldSelector=metadata.name=x,spec.a=b&watch=1", "?fieldSelector=metadata.name!=x", "?fieldSelector=a,b", "?dryRun=All", "?limit=z&watch=true"}
	for range 500 {
		parts := []string{"api", "v1"}
		switch random.Intn(6) {
		case 0:
			parts = nil
		case 1, 2:
			parts = []string{"apis", "apps", "v1"}
		}
		for range random.Intn(7) {
			parts = append(parts, words[random.Intn(len(words))])
		}
		add(methods[random.Intn(len(methods))], "/"+strings.Join(parts, "/")+queries[random.Intn(len(queries))])
	}
}

func read(method, target string) entry {
	e := entry{Method: method, Target: target}
	wire := fmt.Sprintf("%s %s HTTP/1.1\r\nHost: kubernetes.default.svc\r\n\r\n", method, target)
	req, err := http.ReadRequest(bufio.NewReader(strings.NewReader(wire)))
	if err != nil {
		e.Refused = true
		return e
	}
	info, err := resolver.NewRequestInfo(req)
	if err != nil {
		e.Refused = true
		return e
	}
	if info.IsResourceRequest {
		e.Info = &attributes{info.Verb, info.APIGroup, info.APIVersion, info.Namespace, info.Resource, info.Name, info.Subresource}
		// The list handler answers 400.
		e.Refused = (info.Verb == "list" || info.Verb == "watch") && !validListOptions(req)
	}
	return e
}

func validListOptions(req *http.Request) bool {
	options := metainternalversion.ListOptions{}
	return metainternalversionscheme.ParameterCodec.DecodeParameters(req.URL.Query(), metav1.SchemeGroupVersion, &options) == nil
}

var chosen = []string{
	"/", "/api", "/api/", "/api/v1", "/api/v1/", "/apis", "/apis/", "/apis/apps", "/apis/apps/", "/apis/apps/v1", "/apis/apps/v1/",
	"/version", "/version/", "/healthz", "/livez", "/metrics", "/logs/x", "/openapi/v2", "/openapi/v3", "/openapi/v3/apis/apps/v1", "/openid/v1/jwks",
	"/api/v1/namespaces", "/api/v1/namespaces/", "/api/v1/namespaces/soc", "/api/v1/namespaces/soc/", "/api/v1/namespaces/soc/status",
	"/api/v1/namespaces/soc/finalize", "/api/v1/namespaces/soc/finalize/x", "/api/v1/namespaces/soc/namespaces", "/api/v1/namespaces/soc/namespaces/soc",
	"/api/v1/namespaces/soc/namespaces/other", "/api/v1/namespaces/soc/pods", "/api/v1/namespaces/soc/pods/web-0", "/api/v1/namespaces/soc/pods/web-0/log",
	"/api/v1/namespaces/soc/pods/web-0/exec?command=id", "/api/v1/namespaces/soc/pods/web-0/proxy/a/b", "/api/v1/namespaces/soc/pods/web-0/a/b",
	"/api/v1/pods", "/api/v1/pods?watch=true", "/api/v1/pods?watch=TRUE", "/api/v1/pods?watch=1", "/api/v1/pods?watch=", "/api/v1/pods?watch",
	"/api/v1/pods?watch=no", "/api/v1/pods?watch=false", "/api/v1/pods?watch=False", "/api/v1/pods?watch=0", "/api/v1/pods?watch=false&watch=true",
	"/api/v1/pods?Watch=true", "/api/v1/pods?wat%63h=true", "/api/v1/pods?watch=true;x=y", "/api/v1/pods?x=y;watch=true",
	"/api/v1/pods?fieldSelector=metadata.name=web-0", "/api/v1/pods?fieldSelector=metadata.name%3Dweb-0", "/api/v1/pods?fieldSelector=metadata.name%3D%3Dweb-0",
	"/api/v1/pods?fieldSelector=metadata.name!%3Dweb-0", "/api/v1/pods?fieldSelector=metadata.name%3D", "/api/v1/pods?fieldSelector=metadata.name%3D%3D%3Da",
	"/api/v1/pods?fieldSelector=metadata.name%3Da,metadata.name%3Db", "/api/v1/pods?fieldSelector=metadata.name%3Db,metadata.name%3Da",
	"/api/v1/pods?fieldSelector=spec.nodeName%3Dn,metadata.name%3Da", "/api/v1/pods?fieldSelector=metadata.name%3Da%5C,b", "/api/v1/pods?fieldSelector=metadata.name%3Da%5Cb",
	"/api/v1/pods?fieldSelector=metadata.name%3Da/b", "/api/v1/pods?fieldSelector=metadata.name%3D..", "/api/v1/pods?fieldSelector=,metadata.name%3Da,",
	"/api/v1/pods?fieldSelector=metadata.name%3Da&fieldSelector=metadata.name%3Db", "/api/v1/pods?fieldSelector=+metadata.name%3Da", "/api/v1/pods?limit=x&fieldSelector=metadata.name%3Da",
	"/api/v1/pods?labelSelector=a%3D%3D%3Db&fieldSelector=metadata.name%3Da&watch=true",
	"/api/v1/watch/pods", "/api/v1/watch/namespaces/soc/pods", "/api/v1/watch/namespaces/soc/pods/web-0", "/api/v1/watch/namespaces", "/api/v1/watch/namespaces/soc",
	"/api/v1/watch", "/api/v1/watch/", "/api/v1/watch/watch/pods", "/api/v1/watch/pods?fieldSelector=metadata.name%3Da", "/api/v1/watch/namespaces/soc/pods/web-0/log",
	"/api/v1/proxy/nodes/n", "/api/v1/proxy/namespaces/soc/pods/web-0/x", "/api/v1/nodes/n/proxy/metrics", "/api/v1/namespaces/soc/services/https:web:443/proxy/",
	"/apis/apps/v1/namespaces/soc/deployments/web/scale", "/apis/apps/v1/deployments", "/apis/rbac.authorization.k8s.io/v1/clusterroles/system:node",
	"/apis/rbac.authorization.k8s.io/v1/clusterroles/system%3Anode", "/apis/rbac.authorization.k8s.io/v1/clusterroles/a%20b",
	"/apis/actiongrant.dev/v1alpha1/namespaces/soc/actiongrants/x", "/api/v1/namespaces/soc/serviceaccounts/edr/token",
	"//api/v1/pods", "/api//v1/pods", "/api/v1//pods", "/api/v1/namespaces//pods", "/api/v1/namespaces/soc//web-0", "/api/v1/pods//", "/./api/v1/pods",
	"/api/v1/namespaces/soc/../kube-system/pods", "/api/v1/namespaces/soc/%2e%2e/pods", "/api/v1/namespaces/soc%2Fpods", "/api/v1/namespaces/soc/pods%2Fweb-0",
	"/api/v1/namespaces/soc/pods/web-0%2Flog", "/api/v1/namespaces/soc/pods/web-0%00", "/api/v1/namespaces/soc/pods;x=y/web-0", "/API/v1/pods", "/api/v1/Pods",
	"/apis/v1/namespaces/soc/pods", "/api/apps/v1/deployments", "/api/v1/namespaces/SOC/pods", "/api/v1/namespaces/soc/pods/web-0?watch=true",
	"/api/v1/namespaces/soc/pods/web-0?fieldSelector=metadata.name%3Dother", "/api/v1/namespaces/soc/pods/%77eb-0", "/%61pi/v1/pods", "/api/v1/pods#x", "/api/v1/pods?",
}
