// Starts PostgreSQL in a container, a receiver of callbacks, and the service with its journal in that database.
using System.Security.Cryptography;

var builder = DistributedApplication.CreateBuilder(args);

// The database lives as long as this run does, and so do the keys.
var journalKey = builder.AddParameter("journal-key", Random(32), secret: true);
var signingKey = builder.AddParameter("signing-key", $"whsec_{Random(32)}", secret: true);
var journal = builder.AddPostgres("postgres").AddDatabase("journal");

var receiver = builder
    .AddProject("receiver", "../Receiver/Receiver.csproj", launchProfileName: null)
    .WithHttpEndpoint(env: "RECEIVER_PORT")
    .WithEnvironment("SIGNING_KEY", signingKey);

builder
    .AddProject("akkacharging", "../../../src/AkkaCharging.Host/AkkaCharging.Host.csproj", launchProfileName: null)
    .WithHttpEndpoint(env: "SERVER_PORT")
    .WithHttpEndpoint(name: "management", env: "MANAGEMENT_PORT")
    .WithHttpHealthCheck("/health/ready")
    // Development: loopback, and callbacks to loopback.
    .WithEnvironment("DOTNET_ENVIRONMENT", "Development")
    .WithEnvironment(
        "AUTHORIZATION_ACL_FILE",
        Path.GetFullPath("../../../hocon/acl.sample.csv", builder.AppHostDirectory)
    )
    .WithEnvironment("JOURNAL_KIND", "postgres")
    .WithEnvironment("JOURNAL_CONNECTION_STRING", journal)
    .WithEnvironment("JOURNAL_ENCRYPTION_KEYS", journalKey)
    .WithEnvironment("CALLBACK_SIGNING_KEYS", signingKey)
    .WaitFor(journal)
    .WaitFor(receiver);

builder.Build().Run();

static string Random(int bytes) => Convert.ToBase64String(RandomNumberGenerator.GetBytes(bytes));
