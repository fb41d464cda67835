"""The KFP components and the pipeline that is compiled of them."""
