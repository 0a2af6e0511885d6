using AkkaCharging.AddressPolicy;
using AkkaCharging.Networks;
using AkkaCharging.Requests;

namespace AkkaCharging.Tests.AddressPolicy;

[Trait("Category", "Unit")]
public sealed class CheckUrlTests
{
    [Theory]
    [InlineData("https://hooks.example.com/cb", "https", "hooks.example.com", 443)]
    [InlineData("HTTPS://Hooks.EXAMPLE.com/cb", "https", "hooks.example.com", 443)]
    [InlineData("hTTp://hooks.example.com", "http", "hooks.example.com", 80)]
    [InlineData("http://hooks.example.com?x=http://127.0.0.1/", "http", "hooks.example.com", 80)]
    [InlineData("http://hooks.example.com:/", "http", "hooks.example.com", 80)]
    [InlineData("http://hooks.example.com:443", "http", "hooks.example.com", 443)]
    [InlineData("https://hooks.example.com:0008443/cb", "https", "hooks.example.com", 8443)]
    [InlineData("https://hooks.example.com/%2e%2e/%00?a=%fF&b=-._~!$&'()*+,;=:@/?", "https", "hooks.example.com", 443)]
    [InlineData("https://hooks.example.com/a:b@c//d", "https", "hooks.example.com", 443)]
    [InlineData("https://hooks.example.com./cb", "https", "hooks.example.com", 443)]
    [InlineData("https://hooks.example.com.:8443?x", "https", "hooks.example.com", 8443)]
    [InlineData("https://a.xn--p1ai/", "https", "a.xn--p1ai", 443)]
    [InlineData("https://XN--FA-HIA.example.net/", "https", "xn--fa-hia.example.net", 443)]
    [InlineData("https://0x7f.example.com/", "https", "0x7f.example.com", 443)]
    [InlineData("https://8.8.8.8.example.com/", "https", "8.8.8.8.example.com", 443)]
    [InlineData("https://test.example.org/", "https", "test.example.org", 443)]
    [InlineData("https://local.dev/", "https", "local.dev", 443)]
    [InlineData("https://a--b.co.uk/", "https", "a--b.co.uk", 443)]
    [InlineData("https://8.8.8.8:8080/", "https", "8.8.8.8", 8080)]
    [InlineData("https://[2606:4700:4700:0:0:0:0:1111]/", "https", "[2606:4700:4700::1111]", 443)]
    [InlineData("https://[2606:4700::1.2.3.4]:8443/", "https", "[2606:4700::102:304]", 8443)]
    [InlineData("https://[2606:4700:4700::ABCD]:/", "https", "[2606:4700:4700::abcd]", 443)]
    public void PublicUrl_IsAllowed(string url, string scheme, string host, int port)
    {
        var allowed = Assert.IsType<UrlVerdict.Allowed>(Policies.Default.CheckUrl(url)).Url;

        Assert.Equal(new DestinationKey(scheme, host, port), allowed.Destination);
        Assert.Equal(url, allowed.Text);
        Assert.Equal(host, allowed.Uri.Host);
        Assert.Equal(port, allowed.Uri.Port);
    }

    [Theory]
    [InlineData("http://hooks.example.com", "/")]
    [InlineData("http://hooks.example.com?", "/?")]
    [InlineData("http://hooks.example.com?x=/", "/?x=/")]
    [InlineData("http://hooks.example.com./", "/")]
    [InlineData("http://hooks.example.com.:80?x.:", "/?x.:")]
    [InlineData("http://8.8.8.8:?x", "/?x")]
    [InlineData("http://[2606:4700::1.2.3.4]?.:", "/?.:")]
    [InlineData("http://hooks.example.com//", "//")]
    [InlineData("http://hooks.example.com/q?a=%41", "/q?a=%41")]
    [InlineData("http://hooks.example.com/caf%c3%a9", "/caf%c3%a9")]
    [InlineData("http://hooks.example.com/a/../b/./", "/a/../b/./")]
    [InlineData("http://hooks.example.com/a/%2E%2e/b", "/a/%2E%2e/b")]
    [InlineData("http://hooks.example.com/?a=.%2E/", "/?a=.%2E/")]
    public void PathAndQuery_AreKept(string url, string pathAndQuery)
    {
        var allowed = Assert.IsType<UrlVerdict.Allowed>(Policies.Default.CheckUrl(url)).Url;

        Assert.Equal((url, pathAndQuery), (allowed.Text, allowed.Uri.PathAndQuery));
    }

    [Theory]
    [InlineData("/100%", PathAndQueryFault.PercentEncoding)]
    [InlineData("/100%2", PathAndQueryFault.PercentEncoding)]
    [InlineData("/100%2?", PathAndQueryFault.PercentEncoding)]
    [InlineData("/%%41", PathAndQueryFault.PercentEncoding)]
    [InlineData("/%41%4g", PathAndQueryFault.PercentEncoding)]
    [InlineData("/%u0041", PathAndQueryFault.PercentEncoding)]
    [InlineData("?%", PathAndQueryFault.PercentEncoding)]
    [InlineData("?a=%4", PathAndQueryFault.PercentEncoding)]
    [InlineData("/\"", PathAndQueryFault.Character)]
    [InlineData("/<", PathAndQueryFault.Character)]
    [InlineData("/>", PathAndQueryFault.Character)]
    [InlineData("/[", PathAndQueryFault.Character)]
    [InlineData("/]", PathAndQueryFault.Character)]
    [InlineData("/^", PathAndQueryFault.Character)]
    [InlineData("/`", PathAndQueryFault.Character)]
    [InlineData("/{", PathAndQueryFault.Character)]
    [InlineData("/|", PathAndQueryFault.Character)]
    [InlineData("/}", PathAndQueryFault.Character)]
    [InlineData("?a[]=1", PathAndQueryFault.Character)]
    [InlineData("/%?a={}", PathAndQueryFault.Character)]
    public void PathOrQueryThatRfc3986DoesNotAllow_IsMalformed(string pathAndQuery, object fault)
    {
        var verdict = Policies.Default.CheckUrl("https://hooks.example.com" + pathAndQuery);

        Assert.Equal(new UrlVerdict.Malformed((PathAndQueryFault)fault), verdict);
    }

    [Fact]
    public void RefusedAddress_IsNamedBeforeAMalformedPath() =>
        Assert.Equal(
            new UrlVerdict.Refused(RefusalReason.Loopback),
            Policies.Default.CheckUrl("https://127.0.0.1/100%")
        );

    [Theory]
    [InlineData("https://hooks.example.com")]
    [InlineData("HTTPS://Hooks.EXAMPLE.com.:8443")]
    [InlineData("hTTp://hooks.example.com:")]
    [InlineData("http://hooks.example.com:0008080")]
    [InlineData("https://a.xn--p1ai")]
    [InlineData("https://8.8.8.8:8080")]
    [InlineData("https://[2606:4700::1.2.3.4]:8443")]
    [InlineData("https://[2606:4700:4700:0:0:0:0:ABCD]")]
    public void Destination_IsReadAsThatOfAUrl(string destination) =>
        Assert.Equal(
            Assert.IsType<UrlVerdict.Allowed>(Policies.Default.CheckUrl(destination)).Url.Destination,
            CallbackAddressPolicy.ReadDestination(destination)
        );

    [Theory]
    [InlineData("https://10.0.0.1:9", "10.0.0.1", 9)]
    [InlineData("https://[::1]", "[::1]", 443)]
    public void DestinationThatMayNotBeCalled_IsReadAllTheSame(string destination, string host, int port) =>
        Assert.Equal(new DestinationKey("https", host, port), CallbackAddressPolicy.ReadDestination(destination));

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("https://")]
    [InlineData("hooks.example.com:443")]
    [InlineData("ftp://hooks.example.com")]
    [InlineData("https://hooks.example.com/")]
    [InlineData("https://hooks.example.com:443/cb")]
    [InlineData("https://hooks.example.com?x")]
    [InlineData("https://hooks.example.com#x")]
    [InlineData("https://user@hooks.example.com")]
    [InlineData("https://user:443@hooks.example.com")]
    [InlineData("https://hooks.example.com:65536")]
    [InlineData("https://hooks.example.com:0")]
    [InlineData("https://hooks.example.com ")]
    [InlineData(" https://hooks.example.com")]
    [InlineData("https://hooks.ex\u00e4mple.com")]
    [InlineData("https://2130706433")]
    [InlineData("https://[::1")]
    [InlineData("https://[::1]x")]
    [InlineData("https://localhost:8080")]
    public void OtherTexts_AreNoDestination(string? text) => Assert.Null(CallbackAddressPolicy.ReadDestination(text));

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData(" ")]
    [InlineData("http")]
    [InlineData("http:")]
    [InlineData("http:/x")]
    [InlineData("http://")]
    [InlineData("https:///x")]
    [InlineData("https://?x")]
    [InlineData("https://#x")]
    [InlineData("https://:443/")]
    [InlineData("http:\\\\hooks.example.com\\")]
    [InlineData("http:hooks.example.com")]
    [InlineData("hooks.example.com/cb")]
    [InlineData("//hooks.example.com/cb")]
    [InlineData("/cb")]
    [InlineData("ftp://hooks.example.com/")]
    [InlineData("gopher://127.0.0.1:6379/_x")]
    [InlineData("httpss://hooks.example.com/")]
    [InlineData(" https://hooks.example.com/")]
    [InlineData("\thttps://hooks.example.com/")]
    [InlineData("https://hooks.example.com:0/")]
    [InlineData("https://hooks.example.com:65536/")]
    [InlineData("https://hooks.example.com:99999999999999999999/")]
    [InlineData("https://hooks.example.com:+80/")]
    [InlineData("https://hooks.example.com:-80/")]
    [InlineData("https://hooks.example.com:0x50/")]
    [InlineData("https://hooks.example.com:80a/")]
    [InlineData("https://hooks.example.com:80:80/")]
    [InlineData("https://[2606:4700::1/")]
    [InlineData("https://[2606:4700::1]443/")]
    [InlineData("https://2606:4700::1/")]
    public void WrongShape_IsInvalid(string? url) => Assert.IsType<UrlVerdict.Invalid>(Policies.Default.CheckUrl(url));

    [Theory]
    [InlineData("https://hooks.example.com/ ", RefusalReason.Characters)]
    [InlineData("https://hooks.example.com/\0", RefusalReason.Characters)]
    [InlineData("https://hooks.example.com\t/", RefusalReason.Characters)]
    [InlineData("https://hooks.example.com/\r\nX: y", RefusalReason.Characters)]
    [InlineData("https://hooks.example.com/\u00a0", RefusalReason.Characters)]
    [InlineData("https://hooks.example.com:80\0/", RefusalReason.Characters)]
    [InlineData("http://１２７.0.0.1/", RefusalReason.Characters)]
    [InlineData("http://hooks.example.com\\@127.0.0.1/", RefusalReason.Characters)]
    [InlineData("https://hooks.example.com/a\\b", RefusalReason.Characters)]
    [InlineData("https://hooks.example.com/#", RefusalReason.Characters)]
    [InlineData("https://hooks.example.com#@127.0.0.1", RefusalReason.Characters)]
    [InlineData("https://@hooks.example.com/", RefusalReason.UserInfo)]
    [InlineData("https://a:b@hooks.example.com/", RefusalReason.UserInfo)]
    [InlineData("https://hooks.example.com:81/", RefusalReason.Port)]
    [InlineData("https://hooks.example.com:1/", RefusalReason.Port)]
    [InlineData("https://hooks.example.com:65535/", RefusalReason.Port)]
    [InlineData("https://hooks.example.com../", RefusalReason.HostSyntax)]
    [InlineData("https://.hooks.example.com/", RefusalReason.HostSyntax)]
    [InlineData("https://hooks..example.com/", RefusalReason.HostSyntax)]
    [InlineData("https://./", RefusalReason.HostSyntax)]
    [InlineData("https://hooks_x.example.com/", RefusalReason.HostSyntax)]
    [InlineData("https://-hooks.example.com/", RefusalReason.HostSyntax)]
    [InlineData("https://hooks-.example.com/", RefusalReason.HostSyntax)]
    [InlineData("https://hooks.example%2ecom/", RefusalReason.HostSyntax)]
    [InlineData("https://%68ooks.example.com/", RefusalReason.HostSyntax)]
    [InlineData("https://hooks.example.com%00/", RefusalReason.HostSyntax)]
    [InlineData("https://hooks.example.com;a/", RefusalReason.HostSyntax)]
    [InlineData("https://hooks.example.com&a/", RefusalReason.HostSyntax)]
    [InlineData("https://*.example.com/", RefusalReason.HostSyntax)]
    [InlineData("https://a.xn--/", RefusalReason.HostSyntax)]
    [InlineData("https://]/", RefusalReason.HostSyntax)]
    [InlineData("https://[]/", RefusalReason.HostSyntax)]
    [InlineData("https://[8.8.8.8]/", RefusalReason.HostSyntax)]
    [InlineData("https://[2606:4700::1%25eth0]/", RefusalReason.HostSyntax)]
    [InlineData("https://[2606:4700::1%1]/", RefusalReason.HostSyntax)]
    [InlineData("https://[2606:4700::1/64]/", null)]
    [InlineData("https://[2606:4700::01.2.3.4]/", RefusalReason.HostSyntax)]
    [InlineData("https://[2606:4700::1.2.3]/", RefusalReason.HostSyntax)]
    [InlineData("https://[2606:4700::00001]/", RefusalReason.HostSyntax)]
    [InlineData("https://[2606:4700:::1]/", RefusalReason.HostSyntax)]
    [InlineData("https://[1:2:3:4:5:6:7]/", RefusalReason.HostSyntax)]
    [InlineData("http://0177.1/", RefusalReason.NumericHost)]
    [InlineData("http://08.8.8.8/", RefusalReason.NumericHost)]
    [InlineData("http://8.8.8.8./", RefusalReason.NumericHost)]
    [InlineData("http://8.8.8/", RefusalReason.NumericHost)]
    [InlineData("http://134744072/", RefusalReason.NumericHost)]
    [InlineData("http://0x8080808/", RefusalReason.NumericHost)]
    [InlineData("http://8.8.8.0x8/", RefusalReason.NumericHost)]
    [InlineData("http://8.8.8.256/", RefusalReason.NumericHost)]
    [InlineData("http://hooks.example.1/", RefusalReason.NumericHost)]
    [InlineData("http://hooks.example.c0m/", RefusalReason.NumericHost)]
    [InlineData("http://hooks.example.0xa/", RefusalReason.NumericHost)]
    [InlineData("http://hooks.example.co-m/", RefusalReason.NumericHost)]
    [InlineData("http://hooks/", RefusalReason.SingleLabel)]
    [InlineData("http://COM./", RefusalReason.SingleLabel)]
    [InlineData("http://xn--p1ai/", RefusalReason.SingleLabel)]
    [InlineData("http://127.0.0.1/", RefusalReason.Loopback)]
    [InlineData("http://[::1]/", RefusalReason.Loopback)]
    [InlineData("http://[::ffff:8.8.8.8]/", RefusalReason.EmbedsIPv4)]
    [InlineData("http://[64:ff9b::8.8.8.8]/", RefusalReason.EmbedsIPv4)]
    public void RefusedUrl_NamesTheReason(string url, object? reason)
    {
        var verdict = Policies.Default.CheckUrl(url);

        // A slash within brackets ends the authority, so the bracket is never closed.
        if ((RefusalReason?)reason is null)
            Assert.IsType<UrlVerdict.Invalid>(verdict);
        else
            Assert.Equal(new UrlVerdict.Refused((RefusalReason)reason), verdict);
    }

    [Theory]
    [InlineData("alt")]
    [InlineData("arpa")]
    [InlineData("consul")]
    [InlineData("corp")]
    [InlineData("example")]
    [InlineData("home")]
    [InlineData("home.arpa")]
    [InlineData("internal")]
    [InlineData("intranet")]
    [InlineData("invalid")]
    [InlineData("lan")]
    [InlineData("local")]
    [InlineData("cluster.local")]
    [InlineData("localdomain")]
    [InlineData("localhost")]
    [InlineData("mail")]
    [InlineData("onion")]
    [InlineData("private")]
    [InlineData("svc")]
    [InlineData("test")]
    [InlineData("8.e.f.ip6.arpa")]
    public void SpecialUseName_IsRefused_HoweverWritten(string zone)
    {
        foreach (var host in new[] { $"a.{zone}", $"a.b.{zone}.", $"A.{zone.ToUpperInvariant()}" })
            Assert.Equal(
                new UrlVerdict.Refused(RefusalReason.SpecialUseName),
                Policies.Default.CheckUrl($"https://{host}/cb")
            );
    }

    [Fact]
    public void Lengths_AreExact()
    {
        var label63 = new string('a', 63);
        var name253 = $"{label63}.{label63}.{label63}.{new string('a', 57)}.com";
        var url2048 = "https://hooks.example.com/".PadRight(CallbackAddressPolicy.UrlCharsMax, 'a');

        Assert.Equal(253, name253.Length);
        Assert.IsType<UrlVerdict.Allowed>(Policies.Default.CheckUrl($"https://{name253}/"));
        Assert.IsType<UrlVerdict.Allowed>(Policies.Default.CheckUrl($"https://{name253}./"));
        Assert.Equal(
            new UrlVerdict.Refused(RefusalReason.HostSyntax),
            Policies.Default.CheckUrl($"https://a{name253}/")
        );
        Assert.Equal(
            new UrlVerdict.Refused(RefusalReason.HostSyntax),
            Policies.Default.CheckUrl($"https://{label63}a.com/")
        );
        Assert.IsType<UrlVerdict.Allowed>(Policies.Default.CheckUrl(url2048));
        Assert.IsType<UrlVerdict.Invalid>(Policies.Default.CheckUrl(url2048 + "a"));
    }

    [Fact]
    public void LongestUrl_WithoutAPath_IsSentWithOne()
    {
        var url = "https://hooks.example.com?".PadRight(CallbackAddressPolicy.UrlCharsMax, 'q');

        var sent = Assert.IsType<UrlVerdict.Allowed>(Policies.Default.CheckUrl(url)).Url.Uri.OriginalString;

        Assert.Equal(url.Insert("https://hooks.example.com".Length, "/"), sent);
        Assert.IsType<UrlVerdict.Allowed>(Policies.Default.CheckSentUrl(sent));
    }

    [Fact]
    public void HttpsOnly_RefusesHttp()
    {
        var policy = new CallbackAddressPolicy(Policies.DefaultSettings with { HttpsOnly = true });

        Assert.Equal(new UrlVerdict.Refused(RefusalReason.HttpsOnly), policy.CheckUrl("http://hooks.example.com/"));
        Assert.IsType<UrlVerdict.Allowed>(policy.CheckUrl("https://hooks.example.com/"));
    }

    [Fact]
    public void NoAllowedPorts_MeansAnyPort() =>
        Assert.IsType<UrlVerdict.Allowed>(Policies.AnyPort.CheckUrl("https://hooks.example.com:22/"));

    [Fact]
    public void AllowedNetwork_AdmitsLiterals_ButNoSpecialNames()
    {
        var policy = Policies.Allowing("10.0.0.0/8", "127.0.0.1/32", "::1/128");

        Assert.IsType<UrlVerdict.Allowed>(policy.CheckUrl("http://10.1.2.3:9000/"));
        Assert.IsType<UrlVerdict.Allowed>(policy.CheckUrl("http://127.0.0.1:9000/"));
        Assert.IsType<UrlVerdict.Allowed>(policy.CheckUrl("http://[0::1]:9000/"));
        Assert.Equal(new UrlVerdict.Refused(RefusalReason.SingleLabel), policy.CheckUrl("http://localhost:9000/"));
        Assert.Equal(new UrlVerdict.Refused(RefusalReason.NumericHost), policy.CheckUrl("http://127.1:9000/"));
    }

    [Fact]
    public void AllowedUrl_ShowsItsDestinationOnly() =>
        Assert.Equal(
            "https://hooks.example.com:443",
            Assert
                .IsType<UrlVerdict.Allowed>(Policies.Default.CheckUrl("https://hooks.example.com/secret?token=1"))
                .Url.ToString()
        );
}
