using System.Security.Cryptography;
using AkkaCharging.Authorization.Acl;
using AkkaCharging.Callbacks;
using AkkaCharging.Clustering;
using AkkaCharging.Journal.Encryption;
using AkkaCharging.Settings;
using CsCheck;

namespace AkkaCharging.Tests.Settings;

[Trait("Category", "Unit")]
public sealed class ShownValueTests
{
    [Theory]
    [InlineData("")]
    [InlineData("abc")]
    [InlineData("0.0.0.0")]
    [InlineData("node-1.example.com:2552")]
    [InlineData("10.1.0.0/16")]
    [InlineData("https://a.example")]
    [InlineData("https://a.example:8443/")]
    [InlineData("/var/lib/akkacharging/journal-2026-01-31T18:00:00Z.db")]
    [InlineData("/var/lib/kubelet/pods/123e4567-e89b-42d3-a456-426614174000/volumes/keys")]
    [InlineData("data/Production-Site-Berlin-2026-01-31/acl.csv")]
    [InlineData(@"C:\ProgramData\AkkaCharging2\Keys.txt")]
    [InlineData("123e4567-e89b-42d3-a456-426614174000")]
    public void UsualValue_IsShown(string value)
    {
        Assert.Equal(value, ShownValue.Of(value));
        Assert.Equal(value, ShownValue.OfFile(value));
    }

    [Theory]
    [InlineData("https://a.example/path?key=canary-4711", "https://a.example/…")]
    [InlineData("https://a.example/path#canary-4711", "https://a.example/…")]
    [InlineData("https://hooks.a.example/services/T000/canary-4711", "https://hooks.a.example/…")]
    [InlineData("ftp://hooks.a.example:8443//services/canary-4711", "ftp://hooks.a.example:8443/…")]
    [InlineData("https://hooks.a.example\\services\\canary-4711", "https://hooks.a.example/…")]
    [InlineData("a.example/path?canary-4711", "a.example/path")]
    [InlineData("a.example/path#canary-4711", "a.example/path")]
    [InlineData("https://user:canary-4711@a.example/", ShownValue.HiddenUserInfo)]
    [InlineData("user:canary-4711@a.example", ShownValue.HiddenUserInfo)]
    [InlineData("canary-4711@a.example", ShownValue.HiddenUserInfo)]
    [InlineData("//user:canary-4711@a.example", ShownValue.HiddenUserInfo)]
    [InlineData("Host=db;Password=canary-4711", ShownValue.Hidden)]
    [InlineData("host=db pwd=canary-4711", ShownValue.Hidden)]
    [InlineData("Host=db;Username=u;PSW=canary-4711", ShownValue.Hidden)]
    [InlineData("Host=db;Username=u;Password = canary-4711", ShownValue.Hidden)]
    [InlineData("host=db user=u password = canary-4711", ShownValue.Hidden)]
    [InlineData("password \t =canary-4711", ShownValue.Hidden)]
    [InlineData("Bearer canary-4711", ShownValue.Hidden)]
    [InlineData("whsec_canary-4711", ShownValue.Hidden)]
    [InlineData("-----BEGIN PRIVATE KEY-----", ShownValue.Hidden)]
    [InlineData("0123456789abcdef0123456789abcdef", ShownValue.Hidden)]
    [InlineData("first,0123456789ABCDEF0123456789ABCDEF", ShownValue.Hidden)]
    [InlineData("MDEyMzQ1Njc4OWFiY2RlZg==", ShownValue.Hidden)]
    [InlineData("MDEyMzQ1Njc4OWFiY2RlZg", ShownValue.Hidden)]
    public void WhatMayBeASecret_IsNot(string value, string shown)
    {
        Assert.Equal(shown, ShownValue.Of(value));
        Assert.Equal(shown, ShownValue.OfFile(value));
    }

    [Fact]
    public void KeysOfTheSettings_AreShown() =>
        Assert.All(
            SettingsLoader.ReadReference().Leaves().SelectMany(leaf => leaf.Path.Split('.')),
            key => Assert.Equal(key, ShownValue.Of(key))
        );

    [Theory]
    [InlineData("https://a.example", "https://a.example")]
    [InlineData("hooks.a.example", "hooks.a.example")]
    [InlineData("hooks.a.example/services/T000/canary-4711", "hooks.a.example/…")]
    [InlineData("https:/hooks.a.example/services/canary-4711", "https:/…")]
    [InlineData("https://hooks.a.example/services/canary-4711?x", "https://hooks.a.example/…")]
    [InlineData("//hooks.a.example/services/canary-4711", "/…")]
    [InlineData("user:canary-4711@a.example/services", ShownValue.HiddenUserInfo)]
    [InlineData("not-a-scheme-but-longer-than-what-is-shown://canary-4711@a.example", ShownValue.HiddenUserInfo)]
    [InlineData("{${?X}\n://canary-4711", "{${")]
    [InlineData("#://canary-4711", "")]
    public void Url_IsShownWithoutItsPath_EvenIfItIsNone(string value, string shown) =>
        Assert.Equal(shown, ShownValue.OfUrl(value));

    [Fact]
    public void AnyText_IsShownOnOneLine() =>
        Gen.OneOf("://", "/", "?", "#", "@", "\\", "a", "\n", "key=", "0123456789abcdef0123456789abcdef")
            .Array[0, 8]
            .Sample(parts =>
            {
                var text = string.Concat(parts);

                Assert.DoesNotContain('\n', ShownValue.OfUrl(text));
                Assert.DoesNotContain('\n', ShownValue.Of(text));
            });

    [Fact]
    public void EveryKeyInBase64_IsHidden()
    {
        for (var i = 0; i < 1_000; i++)
        {
            var key = Convert.ToBase64String(RandomNumberGenerator.GetBytes(32));
            Assert.Equal(key[0] == '/' ? key : ShownValue.Hidden, ShownValue.Of(key));
        }
    }

    [Fact]
    public void LongPath_IsShownWhole_AndALongValueInPart()
    {
        var path = "/" + new string('x', 200);

        Assert.Equal(path, ShownValue.OfFile(path));
        Assert.Equal(path[..80] + "…", ShownValue.Of(path));
        Assert.Equal(("a\nb", "a?b"), (ShownValue.OfFile("a\nb"), ShownValue.Of("a\nb")));
    }

    [Fact]
    public void KeyWhereAFileNameBelongs_IsInNoMessage()
    {
        const string Key = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";
        const string Signing = "whsec_" + Key;
        var defaults = SettingsLoader.Defaults;
        var failures = new[]
        {
            Record.Exception(() => SigningKeys.Read(new([], Signing, Required: false))),
            Record.Exception(() => KeySource.Required(defaults.Journal with { EncryptionKeyFile = Key })),
            Record.Exception(() => NodeCertificate.Read(new ClusterTlsSettings(Key, ""))),
            Record.Exception(() => AclFile.Load(Key)),
            Record.Exception(() =>
                SettingsLoader.Load(
                    new(
                        Development: false,
                        ConfigFile: Key,
                        WorkingDirectory: "/",
                        BaseDirectory: "/",
                        Environment: new Dictionary<string, string>(StringComparer.Ordinal)
                    )
                )
            ),
        };

        Assert.All(
            failures,
            failure =>
            {
                Assert.NotNull(failure);
                Assert.Contains(ShownValue.Hidden, failure.Message, StringComparison.Ordinal);
                Assert.DoesNotContain(Key, failure.Message, StringComparison.Ordinal);
            }
        );
    }
}
