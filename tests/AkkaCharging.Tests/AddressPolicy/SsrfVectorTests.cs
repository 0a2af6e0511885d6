using System.Net;
using System.Net.Sockets;
using AkkaCharging.AddressPolicy;
using AkkaCharging.Testing;

namespace AkkaCharging.Tests.AddressPolicy;

/// <summary>Every vector of ssrf-vectors.json, at submit and at connect.</summary>
public sealed class SsrfVectorTests
{
    public static TheoryData<string> AllOfThem => [.. SsrfVector.All.Select(vector => vector.Id)];

    public static TheoryData<string> AllButRedirects =>
        [.. SsrfVector.All.Where(vector => vector.Stage is not "redirect").Select(vector => vector.Id)];

    public static TheoryData<string> Redirects =>
        [.. SsrfVector.All.Where(vector => vector.Stage is "redirect").Select(vector => vector.Id)];

    [Theory]
    [Trait("Category", "Unit")]
    [MemberData(nameof(AllOfThem))]
    public void AtSubmit(string id)
    {
        var vector = Find(id);

        var verdict = vector.Policy().CheckUrl(vector.Url);

        if (vector.IsDecidedAtSubmit || vector.IsAllowed)
            Assert.Equal(vector.IsAllowed, verdict is UrlVerdict.Allowed);
    }

    /// <summary>The URL is passed to the HTTP handler without an earlier check.</summary>
    [Theory]
    [Trait("Category", "Component")]
    [MemberData(nameof(AllButRedirects))]
    public async Task AtConnect(string id)
    {
        var vector = Find(id);
        var resolver = new ScriptedResolver(vector.Answers);
        var dialer = new RecordingDialer();
        using var client = Client(vector, resolver, dialer);

        foreach (var answer in vector.Answers[..^1])
        {
            Assert.IsType<SocketException>(await SendAsync(client, vector.Url));
            Assert.Equal(IPAddress.Parse(answer[0]), dialer.Dialled.Last().Address);
        }

        var before = dialer.Dialled.Count;
        var failure = await SendAsync(client, vector.Url);

        if (vector.IsAllowed)
        {
            Assert.IsType<SocketException>(failure); // the dialler's own refusal: the policy let it get there
            Assert.Single(dialer.Dialled);
        }
        else
        {
            Assert.True(
                failure
                    is AddressRefusedException
                        or NameResolutionException
                        or UriFormatException
                        or NotSupportedException,
                $"{failure}"
            );
            Assert.Equal(before, dialer.Dialled.Count);
        }
    }

    [Theory]
    [Trait("Category", "Component")]
    [MemberData(nameof(Redirects))]
    public async Task Redirect_IsReturned_AndNotFollowed(string id)
    {
        var vector = Find(id);
        await using var receiver = new LoopbackReceiver(
            LoopbackReceiver.Redirect(vector.RedirectStatus, vector.RedirectTo!)
        );
        var resolver = new ScriptedResolver(vector.Answers);
        var dialer = new RecordingDialer(receiver.Endpoint);
        using var client = Client(vector, resolver, dialer);

        // http, because the redirect matters here and not the certificate.
        using var request = new HttpRequestMessage(
            HttpMethod.Post,
            vector.Url.Replace("https:", "http:", StringComparison.Ordinal)
        );
        using var response = await client.SendAsync(request, CancellationToken.None);

        Assert.Equal(vector.RedirectStatus, (int)response.StatusCode);
        Assert.Single(dialer.Dialled);
        Assert.Single(resolver.Asked);
        Assert.Single(receiver.Requests);
    }

    private static SsrfVector Find(string id) =>
        SsrfVector.All.Single(vector => string.Equals(vector.Id, id, StringComparison.Ordinal));

    private static HttpMessageInvoker Client(SsrfVector vector, ScriptedResolver resolver, RecordingDialer dialer)
    {
        var connector = new VettedConnector(
            vector.Policy(),
            resolver,
            TimeProvider.System,
            Eventually.Patience,
            dialer.DialAsync
        );
        return new HttpMessageInvoker(CallbackHttpHandler.Create(connector, Eventually.Patience));
    }

    private static async Task<Exception> SendAsync(HttpMessageInvoker client, string url)
    {
        var failure = await Record.ExceptionAsync(async () =>
        {
            using var request = new HttpRequestMessage(HttpMethod.Post, new Uri(url, UriKind.Absolute));
            using var response = await client.SendAsync(request, CancellationToken.None);
        });
        return failure!.GetBaseException();
    }
}
