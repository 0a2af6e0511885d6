using System.Net;
using System.Text;
using AkkaCharging.AddressPolicy;
using AkkaCharging.Callbacks;
using AkkaCharging.Host.Http;
using AkkaCharging.Requests;
using AkkaCharging.Settings;
using BenchmarkDotNet.Attributes;

namespace AkkaCharging.Micro;

/// <summary>What each request pays: reading the submission, the address policy, the callback's message.</summary>
[MemoryDiagnoser]
[ShortRunJob]
public class RequestBenchmarks : IDisposable
{
    private static readonly byte[] Body = Encoding.UTF8.GetBytes(
        $$"""{"stationId":"5f3c9a10-7b2e-4d61-9c0f-0123456789ab","driverToken":"{{Some.Token(1)}}","callbackUrl":"{{Some.Url}}"}"""
    );

    private static readonly IPAddress Address = IPAddress.Parse("93.184.216.34");
    private readonly SubmissionReader _reader = new(Some.Policy, DriverTokenRules.Default);
    private readonly ChargingRequest _request = Some.Request();
    private readonly CallbackClient _unsigned = Client([]);
    private readonly CallbackClient _signed = Client(["whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="]);

    [Benchmark]
    public object? ReadSubmission() => _reader.Read(Body, out _);

    [Benchmark]
    public object CheckUrl() => Some.Policy.CheckUrl(Some.Url);

    [Benchmark]
    public bool CheckAddress() => Some.Policy.CheckAddress(Address).IsAllowed;

    /// <summary>Message, body, headers and classification; the handler answers at once.</summary>
    [Benchmark]
    public Task Callback() => _unsigned.AttemptAsync(_request, Some.Decision, CancellationToken.None);

    [Benchmark]
    public Task SignedCallback() => _signed.AttemptAsync(_request, Some.Decision, CancellationToken.None);

    [GlobalCleanup]
    public void Dispose()
    {
        _unsigned.Dispose();
        _signed.Dispose();
        GC.SuppressFinalize(this);
    }

    private static CallbackClient Client(string[] keys) =>
        new(
            new AnswersAtOnce(),
            new VettedConnector(Some.Policy, new KnownNames(), TimeProvider.System, TimeSpan.FromSeconds(3)),
            new WebhookSigner(new SigningSettings(keys, "", Required: false), TimeProvider.System),
            TimeSpan.FromSeconds(10),
            TimeProvider.System
        );

    private sealed class KnownNames : IHostResolver
    {
        public Task<IReadOnlyList<IPAddress>> ResolveAsync(string host, CancellationToken cancellationToken) =>
            Task.FromResult<IReadOnlyList<IPAddress>>([Address]);
    }

    private sealed class AnswersAtOnce : HttpMessageHandler
    {
        protected override Task<HttpResponseMessage> SendAsync(
            HttpRequestMessage request,
            CancellationToken cancellationToken
        ) => Task.FromResult(new HttpResponseMessage(HttpStatusCode.NoContent));
    }
}
