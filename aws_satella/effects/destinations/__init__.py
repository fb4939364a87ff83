"""How a body leaves the process: one module for each destination. Only they import boto3 and botocore."""
