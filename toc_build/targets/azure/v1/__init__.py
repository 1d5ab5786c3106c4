"""Everything that knows azureml-core: `client` on this side, `sdk_worker` on the other."""
