// Generated from crds/actiongrants.yaml by scripts/generate-types.ts. Do not edit.
//
// The objects as the API server returns them: a field with a default is always there, and times are RFC 3339 strings.
export {};
